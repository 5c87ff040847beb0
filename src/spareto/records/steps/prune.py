"""The step of a recipe that prunes, as data."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import override

from spareto.core.config import Named, Record, Rule
from spareto.records.steps._base import StepPlan
from spareto.records.training import Choice, Options, Share

Sparsity = Annotated[
    float,
    Field(ge=0, lt=1, strict=True),
    Rule("a share from 0 to below 1", "Write 80 % as 0.8."),
]


class SchedulePlan(Choice):
    """When masks are drawn during training, and how many weights go each time.

    Args:
        name: Name of the schedule; in YAML the bare name will do where there are no options.
        options: What its constructor takes.
    """

    what: ClassVar[str] = "a schedule"
    name: Annotated[str, Named("spareto.pruners.schedules")] = "one_shot"


class LayerSparsity(Record):
    """Another sparsity for some layers of a pruning step; each of them is then ranked by itself.

    Args:
        layers: Shell-style pattern on their dotted names (`conv.*`).
        sparsity: Share of the weights, or channels, of each layer to remove, 0..1.
        pruner: Name of the pruner; the step's, with its options, if left out.
        options: What the constructor of this pruner takes.
    """

    layers: str
    sparsity: Sparsity
    pruner: Annotated[str | None, Named("spareto.pruners")] = None
    options: Options = Field(default_factory=dict[str, Any])

    def __hash__(self) -> int:
        return hash(self.hash)


class PruneStep(StepPlan):
    """Set the least important weights to zero and keep them there.

    Args:
        pruner: Name of the pruner that scores the weights.
        options: What its constructor takes.
        sparsity: Share of the touched weights to remove, 0..1.
        scope: Rank the weights of all layers together (`global`) or layer by layer (`per_layer`).
        start: Share of the training after which the mask is drawn.
        floor: Least share of its weights that every layer keeps, 0..1.
        schedule: When masks are drawn again after that.
        layer_sparsity: Other sparsities and pruners for some layers; the first pattern that matches a layer
            counts.
    """

    place: ClassVar[int] = 1
    regime: ClassVar[str] = "prune"
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"sparsity": 0.5},
        {"sparsity": 0.3, "pruner": "random", "scope": "per_layer"},
    )

    kind: Literal["prune"] = "prune"
    pruner: Annotated[str, Named("spareto.pruners")] = "magnitude"
    sparsity: Sparsity
    scope: Literal["global", "per_layer"] = "global"
    floor: Share = 0.0
    options: Options = Field(default_factory=dict[str, Any])
    schedule: SchedulePlan = SchedulePlan()
    layer_sparsity: tuple[LayerSparsity, ...] = ()

    @field_validator("floor")
    @classmethod
    def _leave_room(cls, floor: float, info: ValidationInfo) -> float:
        sparsity: float = info.data.get("sparsity", 0.0)
        if floor + sparsity > 1 + 1e-9:
            raise ValueError(f"at most {1 - sparsity:g}, which sparsity {sparsity:g} leaves")
        return floor

    @model_validator(mode="after")
    def _on_one_way(self) -> PruneStep:
        if self.layer_sparsity and not self.sparsity and self.schedule != SchedulePlan():
            raise ValueError("a sparsity above 0, which says how far layer_sparsity is on its way")
        return self

    def on_its_way(self, sparsity: float, progress: float) -> PruneStep:
        """The step that removes only so much: this sparsity, and that share of the sparsities of layers."""
        layers = tuple(own.replace(sparsity=progress * own.sparsity) for own in self.layer_sparsity)
        schedule = self.schedule if sparsity else SchedulePlan()  # no way leads to nothing
        return self.replace(sparsity=sparsity, layer_sparsity=layers, schedule=schedule)

    @property
    @override
    def shares(self) -> tuple[float, ...]:
        return (self.sparsity, *(each.sparsity for each in self.layer_sparsity))
