"""Two studies side by side: what each recipe gives, and whether that differs by more than its spread."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spareto.records.rows import MeanRow, shown_accuracy, shown_std, split_shown
from spareto.reports.findings import spread_of
from spareto.reports.results import StudyResults


@dataclass(frozen=True)
class Pair:
    """One recipe in two studies.

    Args:
        name: Its name; with a mark where it is the chosen kind of row, such as `dense`.
        accuracies: Accuracy in each, 0..1.
        accuracy_spread: Standard deviation of their difference, 0..1; 0 where it is not known.
        energies_pj: Picojoules an inference in each.
        energy_spread_pj: Standard deviation of their difference; 0 for single seeds.
    """

    name: str
    accuracies: tuple[float, float]
    accuracy_spread: float
    energies_pj: tuple[float, float]
    energy_spread_pj: float

    @property
    def accuracy_alike(self) -> bool:
        """Whether the accuracies differ by no more than their spread."""
        return abs(self.accuracies[1] - self.accuracies[0]) <= self.accuracy_spread

    @property
    def energy_alike(self) -> bool:
        """Whether the energies differ by no more than their spread."""
        return abs(self.energies_pj[1] - self.energies_pj[0]) <= self.energy_spread_pj


@dataclass(frozen=True)
class StudyComparison:
    """What two studies share, and what they do not.

    Args:
        titles: Names of the studies; told apart by their order where they are equal.
        pairs: Recipes of both, least energy of the first study first.
        alone: Names of the recipes that only one of them has, for each study.
        differ: What makes their numbers no numbers of the same thing, one sentence each.
    """

    titles: tuple[str, str]
    pairs: tuple[Pair, ...]
    alone: tuple[tuple[str, ...], tuple[str, ...]]
    differ: tuple[str, ...]


def compared(one: StudyResults, other: StudyResults) -> StudyComparison:
    """Put two studies beside each other; recipes are equal by content, whatever their names."""
    known = {row["recipe_hash"]: row for row in other.means}
    shared = [(row, known[row["recipe_hash"]]) for row in one.means if row["recipe_hash"] in known]
    own = {row["recipe_hash"] for row, _ in shared}
    alone = tuple(
        tuple(row["trial"] for row in results.means if row["recipe_hash"] not in own)
        for results in (one, other)
    )
    pairs = [_pair(one, other, first, second) for first, second in shared]
    return StudyComparison(
        titles=_titles(one.title, other.title),
        pairs=tuple(sorted(pairs, key=lambda pair: pair.energies_pj[0])),
        alone=(alone[0], alone[1]),
        differ=tuple(_differ(one, other)),
    )


def _titles(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one != other else (f"{one} (1)", f"{other} (2)")


def _pair(one: StudyResults, other: StudyResults, first: MeanRow, second: MeanRow) -> Pair:
    spreads = [
        spread_of(shown_accuracy(row), shown_std(row), row["seeds"], results.shown_samples)
        for results, row in ((one, first), (other, second))
    ]
    return Pair(
        name=first["trial"],
        accuracies=(shown_accuracy(first), shown_accuracy(second)),
        accuracy_spread=math.hypot(*spreads),
        energies_pj=(first["energy_pj"], second["energy_pj"]),
        energy_spread_pj=math.hypot(first["energy_pj_std"], second["energy_pj_std"]),
    )


def _differ(one: StudyResults, other: StudyResults) -> list[str]:
    """What a reader must know before any difference is read as one of the recipes."""
    both = (one, other)
    names = {
        "data set": [study.meta.get("dataset", "") for study in both],
        "number of timesteps": [study.meta.get("timesteps", "") for study in both],
        "network": [study.meta.get("network", "") for study in both],
        "accelerator": [_of_costs(study, "accelerator") for study in both],
        "accounting": [_of_costs(study, "mode") for study in both],
        "spiking activity": [_of_costs(study, "statistic") for study in both],
        "split": [split_shown(study.means) for study in both],
    }
    found = [f"The {what} differs: {a}, and {b}." for what, (a, b) in names.items() if a != b]
    contents = {
        "data set": ("samples", [{trial.manifest.data_hash for trial in study.trials} for study in both]),
        "network": ("layers", [_layers(study) for study in both]),
        "accelerator": ("numbers", [study.meta.get("accelerator_data", "") for study in both]),
    }
    for what, (parts, (a, b)) in contents.items():
        name, same = names[what][0], names[what][0] == names[what][1]
        if same and a and b and a != b:
            found.append(f"Both name their {what} {name}, but its {parts} differ.")
    return found


def _of_costs(results: StudyResults, key: str) -> str:
    return str(getattr(results.trials[0].best_cost, key)) if results.trials else ""


def _layers(results: StudyResults) -> list[tuple[str, int]]:
    return [(layer.name, layer.weights) for layer in results.trials[0].layers] if results.trials else []
