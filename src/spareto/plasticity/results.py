"""What a network that learnt is worth and takes, and the ranking of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Annotated, Literal

from pydantic import Field

from spareto.core.bounds import Amount, Natural, Positive, Seed
from spareto.core.config import Record
from spareto.plasticity.accounting import energy_pj, memory_bits, operations, total_bits
from spareto.plasticity.config import Score
from spareto.records.plasticity import PlasticityPlan

Accuracy = Annotated[float, Field(ge=0, le=1)]
Counts = dict[str, Amount]


class LocalResult(Record):
    """One trained network.

    Args:
        label: What it is called.
        neurons: Its neurons.
        pixels: Its inputs.
        seed: Its seed.
        key: Fingerprint of all that it depends on.
        plan: What it is.
        validation_all: Accuracy on the validation images by the vote `all`.
        validation_proportion: By the vote `proportion`.
        test_all: As `validation_all`, on the test images.
        test_proportion: As `validation_proportion`.
        unassigned: Neurons that never spiked for a training image.
        learning: Means of what the kernel counts of a sample that is learnt.
        watching: Of a test sample.
    """

    label: str
    neurons: Positive
    pixels: Positive
    seed: Seed
    key: str
    plan: PlasticityPlan
    validation_all: Accuracy
    validation_proportion: Accuracy
    test_all: Accuracy
    test_proportion: Accuracy
    unassigned: Natural
    learning: Counts
    watching: Counts

    def accuracy(self, split: Literal["validation", "test"], vote: Literal["all", "proportion"]) -> float:
        """One of the four."""
        return float(getattr(self, f"{split}_{vote}"))

    def memory(self) -> dict[str, float]:
        """Bits by what they are of; see `accounting.memory_bits`."""
        return memory_bits(self.plan, self.pixels, self.neurons)

    def operations(self, *, learns: bool) -> dict[str, float]:
        """Operations of a mean sample; see `accounting.operations`."""
        counts = self.learning if learns else self.watching
        return operations(self.plan, self.pixels, self.neurons, counts, learns=learns)

    def energy(self, *, learns: bool) -> dict[str, float]:
        """Picojoules of a mean sample; see `accounting.energy_pj`."""
        return energy_pj(self.plan, self.operations(learns=learns))


@dataclass(frozen=True)
class ResultRow:
    """A network over its seeds.

    Args:
        label: What it is called.
        neurons: Its neurons.
        results: One a seed.
        memory_bits: All that it keeps, inhibition as one number.
        learning_pj: Energy of a sample that is learnt, mean over seeds.
        watching_pj: Energy of an inference, likewise.
        score: Its rank, on validation images; higher is better.
    """

    label: str
    neurons: int
    results: tuple[LocalResult, ...]
    memory_bits: float
    learning_pj: float
    watching_pj: float
    score: float

    def accuracy(self, split: Literal["validation", "test"], vote: Literal["all", "proportion"]) -> float:
        """Mean over seeds."""
        return mean(result.accuracy(split, vote) for result in self.results)

    def spread(self, split: Literal["validation", "test"], vote: Literal["all", "proportion"]) -> float:
        """Standard deviation over seeds, 0 of one."""
        values = [result.accuracy(split, vote) for result in self.results]
        return stdev(values) if len(values) > 1 else 0.0


def rows(
    results: Iterable[LocalResult], first: str, score: Score, vote: Literal["all", "proportion"]
) -> list[ResultRow]:
    """Networks over their seeds, in the order they come.

    Args:
        results: Trained networks.
        first: Label of the network whose memory and energy count as 1.
        score: How they are ranked.
        vote: Which accuracy.
    """
    groups: dict[tuple[str, int], list[LocalResult]] = {}
    for result in results:
        groups.setdefault((result.label, result.neurons), []).append(result)
    sizes = {at: _sizes(group) for at, group in groups.items()}
    made: list[ResultRow] = []
    for (label, neurons), group in groups.items():
        memory, learning, watching = sizes[label, neurons]
        base = sizes.get((first, neurons), sizes[label, neurons])
        accuracy = mean(result.accuracy("validation", vote) for result in group)
        price = score.memory_weight * memory / base[0] + score.energy_weight * learning / base[1]
        made.append(ResultRow(label, neurons, tuple(group), memory, learning, watching, accuracy - price))
    return made


def _sizes(group: Sequence[LocalResult]) -> tuple[float, float, float]:
    learning = mean(sum(result.energy(learns=True).values()) for result in group)
    watching = mean(sum(result.energy(learns=False).values()) for result in group)
    return total_bits(group[0].memory()), learning, watching
