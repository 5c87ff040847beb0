"""A recipe: the plan by which one network is compressed, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, cast

import yaml
from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializeAsAny,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from spareto.core.artifacts import fingerprint, write_text
from spareto.core.config import Named, Record, Rule, contradiction
from spareto.core.errors import ConfigError, Problem, UnknownName, one_of
from spareto.records.steps import StepPlan, registry
from spareto.records.steps.prune import PruneStep
from spareto.records.steps.quantize import QuantizeStep
from spareto.records.training import Flag, TrainingPlan

StepT = TypeVar("StepT", bound=StepPlan)
FLOAT_BITS: Final = 32


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
    surrogate: Annotated[str | None, Named("spareto.neurons.surrogates")] = None
    slope: Level | None = None

    @model_validator(mode="after")
    def _check_any(self) -> NeuronChange:
        if self == NeuronChange.model_construct():
            raise ValueError("at least one of v_threshold, beta, surrogate, slope")
        return self


class _OfItsKind:
    """Reads an item of `steps` as the record that is called like its `kind`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(_step, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(TypeAdapter(_every_step()).core_schema)


def _every_step() -> Any:
    union: Any = None
    for name in registry.names():
        union = registry.get(name) if union is None else union | registry.get(name)
    return Annotated[union, Field(discriminator="kind")]


def _step(given: Any, about: ValidationInfo) -> Any:
    if not isinstance(given, Mapping):
        return given
    fields = cast("Mapping[str, Any]", given)
    kind = fields.get("kind")
    if "kind" not in fields:
        rule = one_of(registry.names())
        raise contradiction([Problem(".kind", "nothing", rule, "Add the key 'kind'.")])
    try:
        plan = registry.get(kind)
    except UnknownName as unknown:
        raise contradiction([dataclasses.replace(each, where=".kind") for each in unknown.problems]) from None
    return plan.model_validate(fields, context=about.context)


Step = Annotated[SerializeAsAny[StepPlan], _OfItsKind()]


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
        return tuple(sorted(steps, key=lambda step: (step.start, step.place, step.kind)))

    @model_validator(mode="after")
    def _check_steps(self) -> Recipe:
        kinds = [step.kind for step in self.steps]
        if len(set(kinds)) < len(kinds):
            raise ValueError("at most one step of a kind")
        for step in self.steps:
            if rule := step.contradiction(other for other in self.steps if other is not step):
                raise ValueError(rule)
        return self

    @property
    def idle(self) -> bool:
        """Whether it does nothing to a network: no step, no change of neurons, and floats are kept."""
        return not self.steps and self.neurons is None and self.storage_bits == FLOAT_BITS

    def refuse_idle(self, where: str) -> None:
        """Refuse a recipe that does nothing to a network.

        Raises:
            ConfigError: It does nothing; `where` it stands.
        """
        if self.idle:
            rule, cure = "a step, neurons or storage_bits", "Leave it out: studies have the dense network."
            raise ConfigError(Problem(f"{where}.steps", "[]", rule, cure))

    def save(self, path: str | Path) -> None:
        """Write the recipe atomically: as JSON to a `.json` file, else as YAML."""
        path = Path(path)
        if path.suffix == ".json":
            super().save(path)
        else:
            write_text(path, yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True))

    def step(self, kind: type[StepT]) -> StepT | None:
        """The step of a kind, if there is one: `recipe.step(PruneStep)`."""
        return next((step for step in self.steps if isinstance(step, kind)), None)

    @property
    def prune_step(self) -> PruneStep | None:
        """The pruning step, if there is one."""
        return self.step(PruneStep)

    @property
    def quantize_step(self) -> QuantizeStep | None:
        """The quantizing step, if there is one."""
        return self.step(QuantizeStep)

    @property
    def regime(self) -> str:
        """Which of the study's regimes the steps describe; a step that is none of the study's has its own."""
        if not self.steps:
            return "dense"
        for step in self.steps:
            if step.prevails or len(self.steps) == 1:
                return step.regime
        return "joint" if len({step.start for step in self.steps}) == 1 else "cumulative"

    @property
    def weight_bits(self) -> int:
        """Bits of one stored weight of a touched layer."""
        return self._widths[0]

    @property
    def sparsity(self) -> float:
        """Share of the touched weights the recipe asks to remove, 0..1."""
        return self._shares[0] if self._shares else 0.0

    @property
    def label(self) -> str:
        """The name, or one drawn from the steps: `joint 3 bit 80 %`."""
        if self.name:
            return self.name
        bits, shares = self._widths, [100 * share for share in self._shares]
        width = "float" if bits == (FLOAT_BITS,) else f"{_range(bits)} bit"
        share = f"{_range(shares)} %" if shares else ""
        words = [step.words for step in self.steps]
        return " ".join(word for word in (self.regime, *words, width, share) if word)

    @property
    def _widths(self) -> tuple[int, ...]:
        """Every width a stored weight may have."""
        return sum((step.widths for step in self.steps), ()) or (self.storage_bits,)

    @property
    def _shares(self) -> tuple[float, ...]:
        """Every share of weights that some layer is asked to give."""
        return sum((step.shares for step in self.steps), ())

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


def _range(values: Sequence[float]) -> str:
    """`4`, or `2-8`."""
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"
