"""How a study searches, as data; never imports torch."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from spareto.core.bounds import Seed
from spareto.core.config import Named, Record
from spareto.records.training import Choice, Count, Flag, Share
from spareto.study.search.space import Space


class SamplerPlan(Choice):
    """Who proposes recipes.

    Args:
        name: Name of the sampler; in YAML the bare name will do where there are no options.
        options: What its constructor takes.
    """

    what: ClassVar[str] = "a sampler"
    name: Annotated[str, Named("spareto.study.search.samplers")] = "nsga2"


class HalvingPlan(Record):
    """Trainings that start together, of which the worse stop early.

    Args:
        candidates: Recipes that start: the fronts of the search, one behind the other.
        pruner: `successive_halving`, `median` or `hyperband`, which stop by the validation accuracy an epoch.
        groups: The candidates are compared within so many groups of like energy, so that the cheap are not
            stopped for being less accurate than the dear.
        options: What Optuna's pruner takes.
    """

    candidates: Count = 12
    pruner: Literal["successive_halving", "median", "hyperband"] = "successive_halving"
    groups: Count = 3
    options: dict[str, Any] = Field(default_factory=dict[str, Any])


class SearchPlan(Record):
    """A search: many cheap trials, some trainings, a few of them with every seed.

    Args:
        sampler: Who proposes recipes.
        trials: Recipes that are proposed, those that were proposed before included.
        seed: Decides what the sampler draws.
        evaluation: What a trial of the search is: `calibrated` compresses, measures batch norms again and
            trains nothing; `trained` trains by the recipe.
        calibration: How many training samples batch norms are measured on.
        space: What may be chosen.
        recipe: What is the same for every recipe: fields of a recipe, its steps as `epitome`, `prune`
            and `quantize`.
        start: Points that are tried first, each the values of some variables by name; the sampler chooses
            the others.
        coarse: A search that goes first, over fewer variables, say; this one starts at its front. Its trials
            are trials of this search too, and come in addition.
        sensitivity: Measure each layer alone first, and let the search start at recipes that follow from it.
        narrow: With `sensitivity`, leave out widths and sparsities of a layer that alone cost more validation
            accuracy than this, 0..1.
        halving: What is trained next, where trials train nothing; None trains the front at once.
        finalists: At most so many of the front are trained with every seed; they are the study's result.
    """

    sampler: SamplerPlan = SamplerPlan()
    trials: Count = 100
    seed: Seed = 0
    evaluation: Literal["calibrated", "trained"] = "calibrated"
    calibration: Count = 128
    space: Space
    recipe: dict[str, Any] = Field(default_factory=dict[str, Any])
    start: tuple[dict[str, Any], ...] = ()
    coarse: SearchPlan | None = None
    sensitivity: Flag = False
    narrow: Share | None = None
    halving: HalvingPlan | None = None
    finalists: Count = 8

    @model_validator(mode="after")
    def _alike(self) -> SearchPlan:
        """Trials of both searches are compared, so they must be made alike."""
        if self.coarse is not None and self.coarse.evaluation != self.evaluation:
            raise ValueError(f"coarse.evaluation: {self.evaluation}, as in the search that it goes before")
        return self

    @property
    def all_trials(self) -> int:
        """Trials of this search and of those that go first."""
        return self.trials + (0 if self.coarse is None else self.coarse.all_trials)
