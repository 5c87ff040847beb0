"""What a report is drawn from, and the views of it that its figures share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import mean

from spareto.core.amounts import EnergyUnit, energy_unit
from spareto.records.rows import MeanRow, TrialRow, row_chosen_by, split_chosen_by, split_shown
from spareto.records.trial import Trial
from spareto.reports.regimes import all_regimes
from spareto.reports.sources import Judge, TrialFiles

ALLOWED_LOSS = 0.01
_MAX_FRONT_MEMBERS = 12
_ROUNDING = 1e-9  # accuracies are shares of a sample count; a loss of exactly one point is allowed


@dataclass(frozen=True)
class StudyResults:
    """The finished trials of a study with their rows.

    Args:
        trials: In the order they were stored.
        rows: One a trial, in the same order.
        means: One a recipe; a recipe with one seed is its own mean.
        meta: What is known of the study as a whole: `study`, `network`, `dataset`, ...
        files: The files of each trial, where there are any.
        judge: Knows which points are on a front; without it only the front of `rows` and `means` is told.
        beside: Another study that this one is compared with.
    """

    trials: Sequence[Trial]
    rows: Sequence[TrialRow]
    means: Sequence[MeanRow]
    meta: Mapping[str, str] = field(default_factory=dict[str, str])
    files: TrialFiles | None = None
    judge: Judge | None = None
    beside: StudyResults | None = None

    @property
    def title(self) -> str:
        """The study's name."""
        return self.meta.get("study", "study")

    @cached_property
    def unit(self) -> EnergyUnit:
        """The energy unit of all figures and tables of this study."""
        return energy_unit(row["energy_pj"] for row in self.means)

    @property
    def shown_samples(self) -> int:
        """How many samples the accuracies are of that readers are told; 0 where that is not known."""
        return self._samples(split_shown(self.means))

    @property
    def choosing_samples(self) -> int:
        """How many samples the accuracies are of that networks are chosen by."""
        return self._samples(split_chosen_by(self.means))

    def _samples(self, split: str) -> int:
        text = self.meta.get(f"{split}_samples", "")
        return int(text) if text.isdecimal() else 0

    @property
    def many_seeds(self) -> bool:
        """Whether some recipe was carried out with more than one seed."""
        return any(row["seeds"] > 1 for row in self.means)

    @property
    def dense(self) -> MeanRow | None:
        """The reference every other recipe is compared with: the most accurate dense one."""
        candidates = [row for row in self.means if row["regime"] == "dense"]
        return max(candidates, key=lambda row: row_chosen_by(row), default=None)

    @property
    def front(self) -> list[MeanRow]:
        """The undominated recipes, least energy first."""
        return sorted((row for row in self.means if row["on_front"]), key=lambda row: row["energy_pj"])

    @cached_property
    def close(self) -> list[MeanRow]:
        """The compressed recipes within one point of the dense accuracy, least energy first."""
        if self.dense is None:
            return []
        floor = row_chosen_by(self.dense) - ALLOWED_LOSS - _ROUNDING
        rows = [row for row in self.means if row["regime"] != "dense" and row_chosen_by(row) >= floor]
        return sorted(rows, key=lambda row: (row["energy_pj"], -row_chosen_by(row)))

    def cheapest(self, regime: str) -> MeanRow | None:
        """The recipe of a regime that takes least energy within one point of the dense accuracy."""
        return next((row for row in self.close if row["regime"] == regime), None)

    @cached_property
    def members(self) -> list[MeanRow]:
        """The recipes worth a bar of their own, least energy first.

        The front (thinned if it is long), the cheapest of each regime close to dense, and dense itself.
        """
        step = max(1, -(-len(self.front) // _MAX_FRONT_MEMBERS))
        others = [self.cheapest(regime) for regime in all_regimes(row["regime"] for row in self.means)]
        rows = [*self.front[::step], *(row for row in (*others, self.dense) if row is not None)]
        unique = {row["recipe_hash"]: row for row in rows}
        return sorted(unique.values(), key=lambda row: row["energy_pj"])

    @cached_property
    def components(self) -> list[str]:
        """The components that were charged by any trial, in the order they first appear."""
        seen: dict[str, None] = {}
        for trial in self.trials:
            seen.update(dict.fromkeys(trial.best_cost.energy_by_component()))
        return list(seen)

    @cached_property
    def weight_formats(self) -> list[str]:
        """The weight formats that were costed, in the order they first appear."""
        return list(dict.fromkeys(cost.weight_format for trial in self.trials for cost in trial.costs))

    @cached_property
    def layer_names(self) -> list[str]:
        """The layers of the network, in network order."""
        return list(dict.fromkeys(layer.name for trial in self.trials for layer in trial.layers))

    @cached_property
    def grouped(self) -> dict[str, list[Trial]]:
        """The trials of each recipe, by its hash."""
        groups: dict[str, list[Trial]] = {}
        for trial, row in zip(self.trials, self.rows, strict=True):
            groups.setdefault(row["recipe_hash"], []).append(trial)
        return groups

    def component_energy(self, row: MeanRow) -> list[float]:
        """Picojoules of each of `components`, mean over the seeds of a recipe."""
        tables = [trial.best_cost.energy_by_component() for trial in self.of(row)]
        return [mean(table.get(name, 0.0) for table in tables) for name in self.components]

    def layer_sparsity(self, row: MeanRow) -> list[float | None]:
        """Measured share of zero weights of each of `layer_names`, mean over the seeds."""
        tables = [{layer.name: layer.weight_sparsity for layer in trial.layers} for trial in self.of(row)]
        known = [[table[name] for table in tables if name in table] for name in self.layer_names]
        return [mean(values) if values else None for values in known]

    def of(self, row: MeanRow) -> list[Trial]:
        """The trials of a recipe, one a seed."""
        return self.grouped[row["recipe_hash"]]
