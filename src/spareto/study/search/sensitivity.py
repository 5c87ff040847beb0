"""Each layer alone at each width and sparsity: where a network is sensitive, and where a search starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, cast

from spareto import recipes
from spareto.records import Layer, LayerFilter, PruneStep, QuantizeStep, Recipe, TrainingPlan, Trial
from spareto.study.config import StudyConfig
from spareto.study.known import KnownTrials
from spareto.study.search.samplers import LayerFacts
from spareto.study.search.space import FLOAT, Point, Variable

Kind = Literal["bits", "sparsity"]
BITS: Final = (8, 6, 4, 3, 2)
SPARSITIES: Final = (0.5, 0.75, 0.9, 0.95)
STORED_BITS: Final = 8
"""Width of the weights that are only pruned."""
TOLERATED: Final = (0.005, 0.01, 0.02, 0.05, 0.1)
"""Losses of validation accuracy a layer alone may cause in the recipes that a search starts at."""


@dataclass(frozen=True)
class Entry:
    """One layer, alone, at one width or sparsity.

    Args:
        layer: Dotted name.
        kind: Whether it was quantized or pruned.
        value: Bits, or the share of weights that went.
        trial: What came of it.
        drop: Validation accuracy it costs, against the dense network; negative where it gains.
    """

    layer: str
    kind: Kind
    value: float
    trial: Trial
    drop: float

    @property
    def layer_energy_pj(self) -> float:
        """Energy of the layer in this network."""
        (cost,) = (each for each in self.trial.best_cost.attributed if each.name == self.layer)
        return cost.energy_pj


@dataclass(frozen=True)
class SensitivityTable:
    """The entries of all layers.

    Args:
        dense: The dense network.
        entries: Layer by layer, widths before sparsities.
    """

    dense: Trial
    entries: tuple[Entry, ...]

    @property
    def layers(self) -> list[str]:
        """In network order."""
        return list(dict.fromkeys(entry.layer for entry in self.entries))

    def drops(self, layer: str, kind: Kind) -> dict[float, float]:
        """Value to the validation accuracy it costs."""
        return {e.value: e.drop for e in self.entries if (e.layer, e.kind) == (layer, kind)}

    @cached_property
    def _energies(self) -> dict[tuple[str, str], dict[float, float]]:
        found: dict[tuple[str, str], dict[float, float]] = {}
        for entry in self.entries:
            found.setdefault((entry.layer, entry.kind), {})[entry.value] = entry.layer_energy_pj
        return found

    def energy_of(self, layer: str, bits: int, sparsity: float) -> float:
        """Estimate of a layer's energy: what the width takes, times what the sparsity leaves of it."""
        widths, shares = self._energies[layer, "bits"], self._energies[layer, "sparsity"]
        whole = widths[STORED_BITS]
        return _between(widths, bits) * _between({0.0: whole, **shares}, sparsity) / whole if whole else 0.0


def measure(
    config: StudyConfig,
    known: KnownTrials,
    names: Sequence[str],
    *,
    bits: Sequence[int] = BITS,
    sparsities: Sequence[float] = SPARSITIES,
    training: TrainingPlan = TrainingPlan(epochs=0),  # noqa: B008 - frozen
    seed: int | None = None,
) -> SensitivityTable:
    """Compress each layer alone; trials that are in the store are not carried out again.

    Args:
        config: The study.
        known: Carries out what is not in the store.
        names: Of the layers.
        bits: Widths; 8 is measured too, to compare sparsities with.
        sparsities: Shares of weights to remove, 0..1.
        training: None by default: batch norms are measured again.
        seed: Left out, the study's first.
    """
    seed = config.seeds[0] if seed is None else seed
    dense = known.trial(recipes.dense(), seed, "search")
    widths = sorted({*bits, STORED_BITS}, reverse=True)
    alone = [(layer, *each) for layer in names for each in _alone(layer, widths, sparsities, training)]
    trials = known.trials([(recipe, seed) for *_, recipe in alone], "search")
    entries = [
        Entry(layer, kind, value, trial, dense.chosen_by - trial.chosen_by)
        for (layer, kind, value, _), trial in zip(alone, trials, strict=True)
    ]
    return SensitivityTable(dense, tuple(entries))


def _alone(
    layer: str, widths: Sequence[int], sparsities: Sequence[float], training: TrainingPlan
) -> Iterable[tuple[Kind, float, Recipe]]:
    only = LayerFilter(include=(layer,))
    for bits in widths:
        step = QuantizeStep(bits=bits)
        yield "bits", bits, Recipe(layers=only, steps=(step,), training=training, name=f"{layer} {bits} bit")
    for share in sorted({*sparsities} - {0.0}):
        step = PruneStep(sparsity=share, scope="per_layer")
        name = f"{layer} {100 * share:g} %"
        yield (
            "sparsity",
            share,
            Recipe(layers=only, steps=(step,), storage_bits=STORED_BITS, training=training, name=name),
        )


def starting_points(table: SensitivityTable, variables: Sequence[Variable]) -> list[Point]:
    """Points of a space at which every layer is as small as it may be alone, for several tolerated losses."""
    points: list[Point] = [
        {v.name: found for v in variables if (found := _start(v, table, most)) is not None}
        for most in TOLERATED
    ]
    return [point for index, point in enumerate(points) if point and point not in points[:index]]


def _start(variable: Variable, table: SensitivityTable, most: float) -> float | None:
    """The smallest value of a width, the largest of a sparsity, that no layer it is for objects to."""
    if variable.field not in ("bits", "sparsity"):
        return None
    kind = cast(Kind, variable.field)
    layers = (
        table.layers if variable.layer is None else [each for each in table.layers if each == variable.layer]
    )
    values = [float(value) for value in variable.values if isinstance(value, int | float) and value != FLOAT]
    fitting = [v for v in values if all(_drop(table, layer, kind, v) <= most for layer in layers)]
    mildest = max(values, default=None) if kind == "bits" else min(values, default=None)
    best = (min if kind == "bits" else max)(fitting) if fitting and layers else mildest
    return None if best is None else int(best) if kind == "bits" else best


def narrowed(table: SensitivityTable, variables: Sequence[Variable], most: float) -> tuple[Variable, ...]:
    """The variables without the values that cost one layer alone more than `most`; the mildest stays."""
    return tuple(_narrowed(variable, table, most) for variable in variables)


def _narrowed(variable: Variable, table: SensitivityTable, most: float) -> Variable:
    if variable.layer not in table.layers or variable.field not in ("bits", "sparsity"):
        return variable
    kind, layer = cast(Kind, variable.field), str(variable.layer)
    values = cast("tuple[float, ...]", variable.values)
    mildest = max(values) if kind == "bits" else min(values)
    kept = tuple(v for v in values if v == mildest or _drop(table, layer, kind, v) <= most)
    return Variable(variable.name, kept, variable.layer)


def _drop(table: SensitivityTable, layer: str, kind: Kind, value: float) -> float:
    """What a value costs; between two that were measured, on the line through them."""
    drops = table.drops(layer, kind)
    nothing_done = float(FLOAT) if kind == "bits" else 0.0
    return _between({nothing_done: 0.0, **drops}, value)


def _between(known: dict[float, float], value: float) -> float:
    """On the line between the two nearest values; beyond the last, that of the last."""
    if value in known:
        return known[value]
    below = [each for each in known if each < value]
    above = [each for each in known if each > value]
    if not below or not above:
        return known[min(known) if not below else max(known)]
    low, high = max(below), min(above)
    return known[low] + (known[high] - known[low]) * (value - low) / (high - low)


def facts_of(layers: Sequence[Layer], dense: Trial) -> tuple[LayerFacts, ...]:
    """What a sampler may know of the layers of a workload."""
    energy = {cost.name: cost.energy_pj for cost in dense.best_cost.attributed}
    return tuple(
        LayerFacts(
            name=layer.name,
            kind=layer.kind,
            outputs=layer.out_channels,
            inputs=layer.in_channels,
            height=layer.plane[0],
            width=layer.plane[1],
            stride=layer.stride[0],
            kernel=layer.kernel[0],
            weights=layer.weight_count,
            energy_pj=energy.get(layer.name, 0.0),
        )
        for layer in layers
    )
