"""A trial: one recipe, carried out with one seed, measured and costed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2
from typing import Annotated, Literal

from pydantic import Field

from spareto.core.bounds import Amount, Natural, Seed
from spareto.core.config import Record, Rule
from spareto.records.cost import Cost, cheapest
from spareto.records.recipe import Recipe

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$"), Rule("a SHA-256, 64 digits of 0-9 and a-f")]
"""It becomes a part of a file's name."""
Accuracy = Annotated[float, Field(ge=0, le=1)]


def chosen_by(accuracy: float | None, validation_accuracy: float | None) -> float:
    """The accuracy on the validation split; of studies that had none, that on the test split."""
    found = accuracy if validation_accuracy is None else validation_accuracy
    assert found is not None, "a trial was measured on one of them"
    return found


def geometric_mean(values: Sequence[float]) -> float:
    """Of numbers of at least 0; 0 if one of them is, or there is none.

    Example:
        >>> geometric_mean([0.5, 0.125])
        0.25
    """
    if not values or min(values) <= 0:
        return 0.0
    return 2.0 ** (sum(log2(value) for value in values) / len(values))


def quotient(accuracy: float, efficiency: float, beta: float = 2.0) -> float:
    """aIQ, the artificial intelligence quotient: `(accuracy^β · η)^(1 / (β + 1))`.

    Args:
        accuracy: Or another figure of merit, 0..1.
        efficiency: Neural efficiency η, 0..1.
        beta: How much accuracy counts.

    Example:
        >>> round(quotient(0.9, 0.1), 4)
        0.4327

    Reference:
        schaub2020; hawks2021 (Ps and Qs), with β = 2.
    """
    return (accuracy**beta * efficiency) ** (1 / (beta + 1))


class LayerSummary(Record):
    """What a report says about one compressed layer.

    Args:
        name: Dotted name in the network.
        weights: Weights, zeros included.
        weight_bits: Width of one stored weight.
        weight_sparsity: Share of zero weights, 0..1.
        firing_rate_in: Non-zero inputs by element and timestep.
        firing_rate_out: Non-zero outputs by element and timestep.
        effectual_synops: Live weights met by a non-zero input, per inference.
        bit_operations: Synaptic operations times the widths of weight and input; None in trials of older
            versions.
        static_bops: Bit operations by shape, widths and zeros alone; None in trials of older versions.
        neural_efficiency: Entropy of the patterns of what it puts out on the validation samples, by neuron;
            None where it was not measured.
    """

    name: str
    weights: Natural
    weight_bits: Natural
    weight_sparsity: Annotated[float, Field(ge=0, le=1)]
    firing_rate_in: Amount
    firing_rate_out: Amount
    effectual_synops: Amount
    bit_operations: Amount | None = None
    static_bops: Amount | None = None
    neural_efficiency: Annotated[float, Field(ge=0, le=1)] | None = None


class Manifest(Record):
    """Where a trial's numbers come from: the same manifest gives the same numbers.

    Args:
        seed: Decides initial weights, order, shifts and dropout.
        recipe_hash: Fingerprint of the recipe.
        data_hash: Content hash of frames and labels.
        base_hash: Fingerprint of data, network and dense training: what every recipe of a study starts from.
        accelerator_hash: Fingerprint of the accelerator, formats and statistic the costs were made with.
        versions: Package to version.
        artifacts: `network`, `workload`, `details` and, of a dense trial, `dense` to the SHA-256 of its file;
            files of trials of before are found by their keys.
    """

    seed: Seed
    recipe_hash: str
    data_hash: str
    base_hash: str
    accelerator_hash: str = ""
    versions: dict[str, str]
    artifacts: dict[str, Sha256] = Field(default_factory=dict[str, Sha256])


class Trial(Record):
    """One evaluated recipe.

    Args:
        version: Version of this format.
        recipe: The plan that was carried out.
        accuracy: Share of test samples classified correctly, 0..1; None while the test split is sealed.
        validation_accuracy: The same of the validation samples, by which trials are chosen; None in studies
            of before, which chose by `accuracy`.
        weight_sparsity: Measured share of zero weights over all layers, 0..1.
        layers: One summary a layer.
        costs: One cost a weight format, on the study's accelerator.
        stage: `result`, or `search` for a trial that only showed a search the way.
        seconds: Wall time of training, measuring and costing, not of the test at the end.
        manifest: Seed, hashes and versions.
    """

    version: Literal[1] = 1
    recipe: Recipe
    accuracy: Accuracy | None
    validation_accuracy: Accuracy | None = None
    weight_sparsity: Annotated[float, Field(ge=0, le=1)]
    layers: tuple[LayerSummary, ...]
    costs: tuple[Cost, ...]
    stage: Literal["result", "search"] = "result"
    seconds: Amount
    manifest: Manifest

    @property
    def chosen_by(self) -> float:
        """The accuracy that trials are compared by: on the validation split, where there is one."""
        return chosen_by(self.accuracy, self.validation_accuracy)

    @property
    def synops(self) -> float:
        """Effectual synaptic operations of all layers."""
        return sum(layer.effectual_synops for layer in self.layers)

    @property
    def bit_operations(self) -> float | None:
        """Bit operations of all layers; None where one was not measured."""
        return _of_all([layer.bit_operations for layer in self.layers], sum)

    @property
    def static_bops(self) -> float | None:
        """Bit operations by shape, widths and zeros alone; None where a layer's are not known."""
        return _of_all([layer.static_bops for layer in self.layers], sum)

    @property
    def neural_efficiency(self) -> float | None:
        """Geometric mean of the layers' neural efficiencies, 0..1; None where one was not measured."""
        return _of_all([layer.neural_efficiency for layer in self.layers], geometric_mean)

    @property
    def artificial_intelligence_quotient(self) -> float | None:
        """aIQ: `(accuracy^2 · η)^(1/3)` of the network's neural efficiency η; see `quotient`."""
        efficiency = self.neural_efficiency
        return None if efficiency is None else quotient(self.chosen_by, efficiency)

    @property
    def best_cost(self) -> Cost:
        """The cost in the weight format that takes the least energy."""
        return cheapest(self.costs)

    @property
    def energy_pj(self) -> float:
        """Energy of one inference in the best weight format, picojoules."""
        return self.best_cost.energy_pj


def _of_all(numbers: Sequence[float | None], together: Callable[[list[float]], float]) -> float | None:
    known = [number for number in numbers if number is not None]
    return together(known) if known and len(known) == len(numbers) else None
