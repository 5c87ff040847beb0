"""What a row of published measurements says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from spareto.core.bounds import MOST_COUNTED, Natural
from spareto.core.config import Record

Positive = Annotated[float, Field(gt=0, le=1e15)]
Count = Annotated[int, Field(ge=1, le=MOST_COUNTED)]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, le=1e15)]
Quantity = Literal["dynamic_mw", "total_mw", "dynamic_uj", "total_uj", "time_us"]


class LayerRow(Record):
    """A layer of a published network.

    Args:
        name: Its name.
        inputs: Channels, height and width that enter it.
        outputs: Output channels.
        kernel: Height and width of the kernel.
        stride: Vertical, horizontal.
        padding: Vertical, horizontal.
        groups: Channel groups.
        copies: So many layers like it, one after the other.
        bits: Width of a weight.
        live: Share of weights that are not zero.
        input_bits: Width of an input; 1 for spikes.
        events: Inputs of an inference that are not zero.
        rate: The same as a share of all inputs of all timesteps.
        synops: Synaptic operations of an inference; without it, they follow from events and shape.
        neurons: Whether spiking neurons stand behind it.
    """

    name: str
    inputs: tuple[Count, Count, Count]
    outputs: Count
    kernel: tuple[Count, Count] = (1, 1)
    stride: tuple[Count, Count] = (1, 1)
    padding: tuple[Natural, Natural] = (0, 0)
    groups: Count = 1
    copies: Count = 1
    bits: Count = 8
    live: Share = 1.0
    input_bits: Count = 1
    events: Amount | None = None
    rate: Share | None = None
    synops: Amount | None = None
    neurons: bool = True


class NetworkRow(Record):
    """A published network and its activity.

    Args:
        timesteps: Timesteps of an inference.
        layers: Its layers, in the order they run.
    """

    timesteps: Count = 1
    layers: Annotated[tuple[LayerRow, ...], Field(min_length=1)]


class ChipRow(Record):
    """One measurement.

    Args:
        id: Its number in the collection.
        about: What was measured.
        source: Where it was published.
        mark: Whether the number was `read` there, `derived` from what was read, or `recalled`, unchecked.
        measured: The published numbers: dynamic (above the idle point) and total, in milliwatts or in
            microjoules an inference; time, in microseconds from one inference to the next at full speed.
        chip: The accelerator that models the chip; None if none does.
        census: How much is known of its events: `full`, `partial`, or `none`.
        fitted: Whether a number of the model was fitted to this row.
        overrides: Numbers of the accelerator that the measurement sets otherwise.
        node: Process node of the chip, where the accelerator's differs.
        volts: Supply voltage, where the accelerator's differs.
        weight_format: How the weights are stored.
        network: What ran; None if too little is known.
        alike: Chips that did the same side by side.
        inference_us: Microseconds an inference took, where the measurement set or told the pace.
        idle_mw: Measured power of the idle point that `dynamic` is counted from; None takes the model's
            static power. A total with a measured idle point is shown and not counted.
        outside_uj: Energy an inference took outside what is modelled, measured by itself.
        only_used_cores: Whether the publication counts the leakage of the used cores alone.
        leave_out: Parts of the accelerator that the measurement leaves out.
        why: The likely cause, where ours is off or the row cannot be run.
    """

    id: str
    about: str
    source: str
    mark: Literal["read", "derived", "recalled"]
    measured: dict[Quantity, Positive]
    chip: str | None = None
    census: Literal["full", "partial", "none"] = "none"
    fitted: bool = False
    overrides: dict[str, Any] = Field(default_factory=dict[str, Any])
    node: Positive | None = None
    volts: Positive | None = None
    weight_format: str = "none"
    network: NetworkRow | None = None
    alike: Count = 1
    inference_us: Positive | None = None
    idle_mw: Amount | None = None
    outside_uj: Amount = 0.0
    only_used_cores: bool = False
    leave_out: tuple[str, ...] = ()
    why: str = ""


class Slope(Record):
    """How a measured number grows along a sweep; what is idle cancels.

    Args:
        id: Its name.
        rows: Numbers of the rows of the sweep.
        along: What changes, one number per row.
        quantity: What is measured.
        unit: What one unit of `along` is: `layer`, `million events`.
        fitted: Whether a number of the model was fitted to both ends.
        why: The likely cause, where ours is off.
    """

    id: str
    rows: Annotated[tuple[str, ...], Field(min_length=2)]
    along: Annotated[tuple[Amount, ...], Field(min_length=2)]
    quantity: Quantity
    unit: str
    fitted: bool = False
    why: str = ""


class Measurements(Record):
    """A collection of measurements.

    Args:
        about: What it is.
        rows: Its rows.
        slopes: Sweeps among them.
    """

    about: str = ""
    rows: tuple[ChipRow, ...]
    slopes: tuple[Slope, ...] = ()


def load_measurements(path: str | Path | None = None) -> Measurements:
    """Read the collection that comes with spareto, or one of one's own.

    Raises:
        ConfigError: The file is missing or breaks a rule; every problem is listed.
    """
    return Measurements.load(path or Path(__file__).parent / "measurements.yaml")
