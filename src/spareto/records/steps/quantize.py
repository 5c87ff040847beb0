"""The step of a recipe that quantizes, as data."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import override

from spareto.core.config import Named, Record, Rule
from spareto.records.membrane import MembranePlan, StateBits
from spareto.records.steps._base import StepPlan
from spareto.records.training import Flag, Options

Bits = Annotated[
    int,
    Field(ge=1, le=16, strict=True),
    Rule("an integer from 1 to 16", "Use quantizer 'sign' for binary weights."),
]


class LayerBits(Record):
    """Another width for some layers of a quantizing step.

    Args:
        layers: Shell-style pattern on their dotted names (`conv.*`).
        bits: Width of a stored weight.
        quantizer: Name of the quantizer; the step's if left out.
    """

    layers: str
    bits: Bits
    quantizer: Annotated[str | None, Named("spareto.quantizers")] = None


class QuantizeStep(StepPlan):
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

    place: ClassVar[int] = 2
    regime: ClassVar[str] = "quantize"
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"bits": 2},
        {"bits": 1, "quantizer": "sign", "granularity": "per_channel"},
    )

    kind: Literal["quantize"] = "quantize"
    quantizer: Annotated[str, Named("spareto.quantizers")] = "learned_clip"
    bits: Bits
    granularity: Literal["per_tensor", "per_channel"] = "per_tensor"
    rounding: Annotated[str, Named("spareto.quantizers.rounding")] = "straight_through"
    options: Options = Field(default_factory=dict[str, Any])
    layer_bits: tuple[LayerBits, ...] = ()
    end_bits: StateBits | None = None
    bias_bits: StateBits | None = None
    neuron_bits: StateBits | None = None
    membrane: MembranePlan | None = None
    fold_batch_norm: Flag = False

    @model_validator(mode="after")
    def _check_options(self) -> QuantizeStep:
        if twice := [name for name in ("bits", "granularity", "rounding") if name in self.options]:
            raise ValueError(f"options without {' and '.join(twice)}, which stand beside them in the step")
        return self

    @property
    @override
    def widths(self) -> tuple[int, ...]:
        ends = () if self.end_bits is None else (self.end_bits,)
        return (self.bits, *(own.bits for own in self.layer_bits), *ends)
