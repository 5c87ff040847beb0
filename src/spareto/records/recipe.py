"""A recipe: the plan by which one network is compressed, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from spareto.core.artifacts import fingerprint, write_text
from spareto.core.config import Record, Rule
from spareto.core.errors import ConfigError, Problem
from spareto.records.epitome_step import EpitomeStep
from spareto.records.epitome_step import LayerEpitome as LayerEpitome
from spareto.records.membrane import MembranePlan, StateBits
from spareto.records.training import Flag, Options, Share, Start, TrainingPlan

Bits = Annotated[
    int,
    Field(ge=1, le=16, strict=True),
    Rule("an integer from 1 to 16", "Use quantizer 'sign' for binary weights."),
]
Sparsity = Annotated[
    float,
    Field(ge=0, lt=1, strict=True),
    Rule("a share from 0 to below 1", "Write 80 % as 0.8."),
]
Regime = Literal["dense", "quantize", "prune", "cumulative", "joint", "epitome"]
FLOAT_BITS = 32


def _storable(bits: int) -> int:
    if 16 < bits < FLOAT_BITS:
        raise ValueError
    return bits


StorageBits = Annotated[
    int,
    Field(ge=2, le=FLOAT_BITS, strict=True),
    AfterValidator(_storable),
    Rule("an integer from 2 to 16, or 32", "Use 32 to keep floating-point weights."),
]


LayerType = Literal["conv1d", "conv2d", "linear"]


class LayerFilter(Record):
    """Which layers a recipe touches: every rule must let a layer through.

    Args:
        include: Shell-style patterns on dotted names (`conv.*`), of which one must match.
        exclude: Patterns of which none may match.
        types: Kinds of layer; empty means all.
        first: Whether the network's first convolution or dense layer, in order of definition, is touched.
        last: Whether its last one is.
    """

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    types: tuple[LayerType, ...] = ()
    first: Flag = True
    last: Flag = True


class SchedulePlan(Record):
    """When masks are drawn during training, and how many weights go each time.

    Args:
        name: Name of the schedule; in YAML the bare name will do where there are no options.
        options: What its constructor takes.
    """

    name: str = "one_shot"
    options: Options = Field(default_factory=dict[str, Any])

    def __hash__(self) -> int:
        return hash(self.hash)


def _named(plan: Any) -> Any:
    if isinstance(plan, str):
        return {"name": plan}
    if not isinstance(plan, dict | SchedulePlan):
        raise ValueError("the name of a schedule, or its name and options")
    return cast(Any, plan)


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
    pruner: str | None = None
    options: Options = Field(default_factory=dict[str, Any])

    def __hash__(self) -> int:
        return hash(self.hash)


class PruneStep(Record):
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

    kind: Literal["prune"] = "prune"
    pruner: str = "magnitude"
    sparsity: Sparsity
    scope: Literal["global", "per_layer"] = "global"
    start: Start = 0.0
    floor: Share = 0.0
    options: Options = Field(default_factory=dict[str, Any])
    schedule: Annotated[SchedulePlan, BeforeValidator(_named)] = SchedulePlan()
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

    def __hash__(self) -> int:
        return hash(self.hash)


class LayerBits(Record):
    """Another width for some layers of a quantizing step.

    Args:
        layers: Shell-style pattern on their dotted names (`conv.*`).
        bits: Width of a stored weight.
        quantizer: Name of the quantizer; the step's if left out.
    """

    layers: str
    bits: Bits
    quantizer: str | None = None


class QuantizeStep(Record):
    """Train with weights rounded to integers of a few bits.

    Args:
        quantizer: Name of the quantizer.
        bits: Width of a stored weight; 2 bits with a signed symmetric quantizer is ternary.
        granularity: What shares one scale.
        start: Share of the training after which weights are quantized.
        rounding: Name of the gradient that passes through the rounding.
        options: What the quantizer's constructor takes beside these.
        layer_bits: Other widths for some layers; the first pattern that matches a layer counts.
        end_bits: Width of the network's first and last layer, by quantizer `max_range`; None treats them like
            the others. Patterns of `layer_bits` count before it.
        bias_bits: Width of a stored bias; None keeps floats.
        neuron_bits: Width of the neurons' decays, gains and thresholds; None keeps floats.
        membrane: How the neurons' state is stored; None keeps floats.
        fold_batch_norm: Fold batch norms into the layers first.
    """

    kind: Literal["quantize"] = "quantize"
    quantizer: str = "learned_clip"
    bits: Bits
    granularity: Literal["per_tensor", "per_channel"] = "per_tensor"
    start: Start = 0.0
    rounding: str = "straight_through"
    options: Options = Field(default_factory=dict[str, Any])
    layer_bits: tuple[LayerBits, ...] = ()
    end_bits: StateBits | None = None
    bias_bits: StateBits | None = None
    neuron_bits: StateBits | None = None
    membrane: MembranePlan | None = None
    fold_batch_norm: Flag = False

    def __hash__(self) -> int:
        return hash(self.hash)


Step = Annotated[EpitomeStep | PruneStep | QuantizeStep, Field(discriminator="kind")]

Kept = Annotated[float, Field(ge=0, le=1, strict=True), Rule("a share from 0 to 1")]
Level = Annotated[float, Field(gt=0, le=1e9, strict=True), Rule("a number above 0, at most 1e9")]


class NeuronChange(Record):
    """What becomes another in all spiking neurons when compression begins; what is left out stays.

    They are knobs of sparsity: thresholds and leaks decide how often neurons fire.

    Args:
        v_threshold: Firing level.
        beta: Share of the membrane potential kept over a timestep.
        surrogate: Name of the surrogate gradient.
        slope: Its `alpha`; left out beside `surrogate`, its default.

    Reference:
        aliyev2024: surrogate, leak and threshold as choices of hardware-aware searches.
    """

    v_threshold: Level | None = None
    beta: Kept | None = None
    surrogate: str | None = None
    slope: Level | None = None

    @model_validator(mode="after")
    def _check_any(self) -> NeuronChange:
        if self == NeuronChange.model_construct():
            raise ValueError("at least one of v_threshold, beta, surrogate, slope")
        return self


class Recipe(Record):
    """The plan by which one network is compressed.

    Args:
        version: Version of the recipe format.
        name: Short name for tables and plots; drawn from the steps if left out.
        layers: Which layers are touched.
        steps: What is done, each from its own start; at most one step of a kind. Their order when read is
            that of their starts; of steps that start together, quantizing comes last.
        order: Whether a weight is quantized before its mask is applied, or after.
        storage_bits: Bits a weight takes when no step quantizes it: 32 keeps floats, fewer rounds the
            trained weights to integers before accuracy and cost are measured (the study stores its
            pruned networks at 8 bits).
        training: How the network is trained while it is compressed.
        neurons: What becomes another in the neurons of the network; None leaves them as they are.

    Reference:
        schaefer2023, section III: the four regimes; weights are quantized, then masked.
    """

    version: Literal[1] = 1
    name: str = ""
    layers: LayerFilter = LayerFilter()
    steps: tuple[Step, ...] = ()
    order: Literal["quantize_then_mask", "mask_then_quantize"] = "quantize_then_mask"
    storage_bits: StorageBits = FLOAT_BITS
    training: TrainingPlan = TrainingPlan()
    neurons: NeuronChange | None = None

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """As they are carried out: by their start; of steps that start together, quantizing comes last."""
        return tuple(sorted(steps, key=lambda step: (step.start, step.kind)))

    @model_validator(mode="after")
    def _check_steps(self) -> Recipe:
        kinds = [step.kind for step in self.steps]
        if len(set(kinds)) < len(kinds):
            raise ValueError("at most one step of a kind")
        if self.epitome_step and self.prune_step:
            raise ValueError("epitomes or pruning, not both: a pruned number of an epitome frees no cell")
        if self.epitome_step and self.quantize_step and self.epitome_step.start > self.quantize_step.start:
            raise ValueError("an epitome that is made before it is quantized")
        return self

    def refuse_idle(self, where: str) -> None:
        """Refuse a recipe that does nothing to a network.

        Raises:
            ConfigError: It has no step, changes no neuron and keeps floats; `where` it stands.
        """
        if not self.steps and self.neurons is None and self.storage_bits == FLOAT_BITS:
            rule, cure = "a step, neurons or storage_bits", "Leave it out: studies have the dense network."
            raise ConfigError(Problem(f"{where}.steps", "[]", rule, cure))

    def save(self, path: str | Path) -> None:
        """Write the recipe atomically: as JSON to a `.json` file, else as YAML."""
        path = Path(path)
        if path.suffix == ".json":
            super().save(path)
        else:
            write_text(path, yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True))

    @property
    def prune_step(self) -> PruneStep | None:
        """The pruning step, if there is one."""
        return next((step for step in self.steps if isinstance(step, PruneStep)), None)

    @property
    def quantize_step(self) -> QuantizeStep | None:
        """The quantizing step, if there is one."""
        return next((step for step in self.steps if isinstance(step, QuantizeStep)), None)

    @property
    def epitome_step(self) -> EpitomeStep | None:
        """The step that makes epitomes, if there is one."""
        return next((step for step in self.steps if isinstance(step, EpitomeStep)), None)

    @property
    def regime(self) -> Regime:
        """Which of the study's regimes the steps describe; `epitome` where weights are made of epitomes."""
        prune, quantize = self.prune_step, self.quantize_step
        if self.epitome_step:
            return "epitome"
        if prune and quantize:
            return "cumulative" if quantize.start > prune.start else "joint"
        if prune:
            return "prune"
        return "quantize" if quantize else "dense"

    @property
    def weight_bits(self) -> int:
        """Bits of one stored weight of a touched layer."""
        return self.quantize_step.bits if self.quantize_step else self.storage_bits

    @property
    def sparsity(self) -> float:
        """Share of the touched weights the recipe asks to remove, 0..1."""
        return self.prune_step.sparsity if self.prune_step else 0.0

    @property
    def label(self) -> str:
        """The name, or one drawn from the steps: `joint 3 bit 80 %`."""
        if self.name:
            return self.name
        bits, shares = self._widths(), self._shares()
        text = "float" if bits == [FLOAT_BITS] else f"{_range(bits)} bit"
        if self.epitome_step:
            return f"epitome {self.epitome_step.limits} {text}"
        return f"{self.regime} {text}" + (f" {_range([100 * share for share in shares])} %" if shares else "")

    def _widths(self) -> list[int]:
        """Every width a stored weight may have."""
        step = self.quantize_step
        own = [each.bits for each in step.layer_bits] if step else []
        return [self.weight_bits, *own, *([step.end_bits] if step and step.end_bits else [])]

    def _shares(self) -> list[float]:
        """Every share of weights that some layer is asked to give."""
        if self.prune_step is None:
            return []
        return [self.sparsity, *(each.sparsity for each in self.prune_step.layer_sparsity)]

    @property
    def hash(self) -> str:
        """Fingerprint of everything that can change the compressed network, so not of the name."""
        told = {key: value for key, value in self.to_dict().items() if key != "name"}
        if self.neurons is None:
            del told["neurons"]  # recipes of before there was such a thing keep theirs
        return fingerprint(told)

    @property
    def starts(self) -> tuple[float, ...]:
        """Shares of the training at which something is done to the network, rising."""
        neurons = () if self.neurons is None else (0.0,)
        return tuple(sorted({*neurons, *(step.start for step in self.steps)}))


def _range(values: list[int] | list[float]) -> str:
    """`4`, or `2-8`."""
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"
