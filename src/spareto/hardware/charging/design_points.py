"""Points of a grid: one layer in many bit widths, sparsities, storage formats and activities.

Traffic = accesses (mapping) × bits per access (point), and likewise for operations. The two factors do not
depend on each other, so a grid of points and mappings is an outer product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spareto.formats import Format, Size, spike_bits
from spareto.hardware.charging.energy import accumulator_bits, operation
from spareto.hardware.counting.activity import input_train, neuron_updates, output_train
from spareto.hardware.counting.lanes import imbalance, weight_loads
from spareto.hardware.counting.operations import Operations, count_operations
from spareto.hardware.describing.accelerator import Accelerator, Compute
from spareto.hardware.describing.nest import Nest
from spareto.records.workload import Layer, Statistic

Column = npt.NDArray[np.float64]  # one entry per point


@dataclass(frozen=True)
class DesignPoint:
    """One layer at one point: how it is stored and what there is to do.

    Args:
        weight_bits: Bits of one weight.
        live: Weights that are not zero.
        stored: All weights in their storage format.
        input_bits: Bits of one input, stored plainly.
        compressed_input_bits: Bits of one input where inputs are compressed, zeros and metadata averaged in.
        accumulator_bits: Bits of one partial sum.
        emitted_bits: Bits that the neurons (or the layer) put out per inference.
        operations: Synaptic operations per inference.
        updates: Neuron updates per inference.
        spikes: Spikes of its neurons per inference.
        action: What one of them is: `accumulate` or `multiply_accumulate`.
        action_pj: Its energy, picojoules.
        imbalance: Cycles with waiting for the busiest unit by cycles of equally busy units.
    """

    weight_bits: float
    live: float
    stored: Size
    input_bits: float
    compressed_input_bits: float
    accumulator_bits: float
    emitted_bits: float
    operations: Operations
    updates: float
    spikes: float
    action: str
    action_pj: float
    imbalance: float = 1.0

    @classmethod
    def of(
        cls,
        layer: Layer,
        stored: Size,
        live: int,
        accelerator: Accelerator,
        fmt: Format,
        statistic: Statistic,
        spike_format: str,
    ) -> DesignPoint:
        """A measured layer in one format, at mean or maximum activity."""
        compute = accelerator.compute
        located = fmt.locates_zeros and "weights" in accelerator.innermost("weights").compresses
        action, energy = operation(layer, compute)
        return cls(
            weight_bits=layer.weight_bits,
            live=live,
            stored=stored,
            input_bits=layer.input.bits,
            compressed_input_bits=_input_bits(layer, spike_format, statistic),
            accumulator_bits=accumulator_bits(layer, compute),
            emitted_bits=_emitted_bits(layer, spike_format, statistic, accelerator),
            operations=count_operations(layer, live, compute, statistic, zeros_located=located),
            updates=neuron_updates(layer, accelerator.neuron, statistic),
            spikes=layer.output.nonzero(statistic) if layer.neuron else 0.0,
            action=action,
            action_pj=energy,
        )


@dataclass(frozen=True)
class DesignPoints:
    """Design points of one layer, side by side.

    Args:
        layer: Its shape, timesteps and neurons, which all points share.
        points: The points.
    """

    layer: Layer
    points: tuple[DesignPoint, ...]

    def column(self, value: Callable[[DesignPoint], float]) -> Column:
        """One number per point."""
        return np.array([value(point) for point in self.points], np.float64)

    def chosen(self, rows: Iterable[int]) -> DesignPoints:
        """Some of the points."""
        return DesignPoints(self.layer, tuple(self.points[row] for row in rows))

    def waiting(self, nest: Nest, compute: Compute) -> DesignPoints:
        """The same points, whose units wait for the busiest of them; the mask of all is that of `layer`."""
        shares = {
            live_only: imbalance(weight_loads(self.layer, compute, live_only=live_only), nest)
            for live_only in {point.operations.live_only for point in self.points}
        }
        return DesignPoints(
            self.layer,
            tuple(replace(point, imbalance=shares[point.operations.live_only]) for point in self.points),
        )


def layer_points(
    layers: Iterable[Layer],
    accelerator: Accelerator,
    formats: Mapping[str, Format],
    statistics: Sequence[Statistic],
    *,
    spike_format: str | None = None,
) -> DesignPoints:
    """Versions of one layer in every weight format and activity: layer by layer, format by format.

    Each mask is looked at once, each size counted once, however many activities they serve. Spikes are
    stored as the accelerator does where no other format is asked for.
    """
    spikes = spike_format or accelerator.spike_format
    found: list[DesignPoint] = []
    first: Layer | None = None
    for layer in layers:
        first = first or layer
        mask = layer.weight_mask.array()
        live = int(np.count_nonzero(mask))
        for fmt in formats.values():
            stored = fmt.size_of(mask, layer.weight_bits, layer.weight_counts)
            found += [
                DesignPoint.of(layer, stored, live, accelerator, fmt, each, spikes) for each in statistics
            ]
    if first is None:
        raise ValueError("at least one version of the layer")
    return DesignPoints(first, tuple(found))


def _input_bits(layer: Layer, spike_format: str, statistic: Statistic) -> float:
    """Bits of one input in the spike format; analog inputs stay plain."""
    if layer.input.kind == "analog" or spike_format == "none":
        return layer.input.bits
    train = input_train(layer, statistic)
    return spike_bits(spike_format, train) / train.elements


def _emitted_bits(layer: Layer, spike_format: str, statistic: Statistic, accelerator: Accelerator) -> float:
    """Bits of all outputs, in the spike format where the outermost memory compresses outputs."""
    train = output_train(layer, statistic)
    plain = layer.output.kind == "analog" or spike_format == "none"
    if plain or "outputs" not in accelerator.memories[0].compresses:
        return float(train.elements * layer.output.bits)
    return spike_bits(spike_format, train)
