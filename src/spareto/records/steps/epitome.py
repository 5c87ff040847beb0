"""The step of a recipe that makes weights of epitomes, as data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from spareto.core.config import Record, Rule
from spareto.records.steps._base import StepPlan
from spareto.records.training import Flag

Cells = Annotated[
    int,
    Field(ge=1, le=1 << 24, strict=True),
    Rule("a whole number of weights of at least 1", "Write rows: 256, say; leave it out for no limit."),
]


class LayerEpitome(Record):
    """Another shape of epitome for some layers; a limit that is left out is none.

    Args:
        layers: Shell-style pattern on their dotted names (`conv.*`).
        rows: Most weights of a column, over input channels and kernel.
        columns: Most output channels.
    """

    layers: str
    rows: Cells | None = None
    columns: Cells | None = None


class EpitomeStep(StepPlan):
    """Make each weight of overlapping pieces of a smaller one, which a crossbar stores.

    Unrolled, a weight is a matrix of `input channels x kernel` rows and one column per output channel. Its
    epitome has as many input and output channels as the limits allow; a layer within both stays as it is.

    Args:
        rows: Most weights of a column; None for no limit.
        columns: Most output channels; None for no limit.
        margin: Rows and columns that the epitome's plane is larger than the kernel, which slides over it.
        input_share: Input channels of a piece by those of the epitome; below 1, pieces overlap.
        output_share: Output channels of a piece by those of the epitome; at 1, output blocks repeat.
        wrap: Whether output blocks that repeat are computed once and copied.
        layer_shapes: Other limits for some layers; the first pattern that matches a layer counts.
        start: Share of the training after which it is done.

    Reference:
        wang2024epim; how pieces are laid out is ours.
    """

    place: ClassVar[int] = 0
    regime: ClassVar[str] = "epitome"
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"rows": 9, "columns": 2},
        {"columns": 2, "margin": 1, "output_share": 0.5, "wrap": False},
    )
    prevails: ClassVar[bool] = True

    kind: Literal["epitome"] = "epitome"
    rows: Cells | None = None
    columns: Cells | None = None
    margin: Annotated[int, Field(ge=0, le=64, strict=True), Rule("a whole number from 0 to 64")] = 0
    input_share: Annotated[float, Field(gt=0, le=1, strict=True), Rule("a share above 0, at most 1")] = 0.5
    output_share: Annotated[float, Field(gt=0, le=1, strict=True), Rule("a share above 0, at most 1")] = 1.0
    wrap: Flag = True
    layer_shapes: tuple[LayerEpitome, ...] = ()

    @property
    @override
    def words(self) -> str:
        """Rows by columns: `128x64`; `-` where there is no limit, `16-64` where layers differ."""
        every = (self, *self.layer_shapes)
        return f"{_told(each.rows for each in every)}x{_told(each.columns for each in every)}"

    @override
    def contradiction(self, others: Iterable[StepPlan]) -> str:
        for other in others:
            if other.shares:
                return "epitomes or pruning, not both: a pruned number of an epitome frees no cell"
            if other.widths and other.start < self.start:
                return "an epitome that is made before it is quantized"
        return ""


def _told(values: Iterable[int | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    return f"{min(known)}" if min(known) == max(known) else f"{min(known)}-{max(known)}"
