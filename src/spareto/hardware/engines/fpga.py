"""FPGAs: every layer is a stage of a pipeline, as `spareto export --target verilog` writes it.

Cycles follow from the same model as the Verilog's, which they equal there; look-up tables and block memories
from a model held against yosys. A format that locates zeros means compressed rows, any other a weight for
every input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from typing_extensions import override

from spareto.core.errors import CapacityError, Problem
from spareto.core.units import Energy, Instances, Width
from spareto.formats import Format
from spareto.hardware.charging import neurons
from spareto.hardware.describing.chip import Chip, ChipPart, odd_parts
from spareto.hardware.engines._base import CostEngine, CostPlan
from spareto.hardware.fabric.lists import Lists
from spareto.hardware.fabric.logic import Built, luts
from spareto.hardware.fabric.reach import longest, uses
from spareto.hardware.fabric.rows import words_of
from spareto.hardware.fabric.timing import Stage
from spareto.integer.semantics import PRESETS, preset
from spareto.records.cost import ActionCost, Cost, LayerCost
from spareto.records.pipeline import Pipeline
from spareto.records.workload import Layer, Statistic, Workload

_WIDE: Final = 31
"""Bits of a sum times its layer's multiplier, under `spareto`: lowering fills 32-bit words."""

_POTENTIAL: Final = 25
"""Bits of a potential with the digits that a timestep computes with, under `spareto`."""


class FpgaFabric(ChipPart):
    """What a device has.

    Args:
        luts: Look-up tables.
        block_rams: Block memories of 36 kbit.
        lut_energy: Energy of a look-up table of logic in a cycle, everything else included, memories too.
    """

    kind: Literal["fabric"]
    luts: Instances
    block_rams: Instances
    lut_energy: Energy


class Fpga(Chip):
    """An FPGA.

    Args:
        components: One `fabric`.
        semantics: What a timestep means: a preset.
        neuron_bits: Width of a stored state.
        lanes: Neurons of a layer that are computed at the same time, at most.
        inputs: Whether a layer scans all inputs or takes the events.
    """

    kind: Literal["fpga"]
    components: Annotated[tuple[FpgaFabric, ...], Field(min_length=1, max_length=1)]
    semantics: Literal["spareto", "spiker", "hls4ml", "snntorch"]
    neuron_bits: Width
    lanes: Instances
    inputs: Literal["scan", "event"]

    @property
    def fabric(self) -> FpgaFabric:
        """What the device has."""
        return self.components[0]

    @property
    def memory_bits(self) -> float:
        """Bits of all block memories."""
        return self.fabric.block_rams.amount * 36 * 1024

    @property
    def peak_ops_per_cycle(self) -> float:
        """An addition per lane and cycle."""
        return self.lanes.amount

    @property
    def principle(self) -> str:
        """How it works, in one line."""
        return "all layers side by side, a timestep behind each other"


class FpgaEngine(CostEngine[Fpga]):
    """Costs a workload on an FPGA."""

    schema = Fpga

    @override
    def problems(self, chip: Fpga) -> Sequence[Problem]:
        found = [*odd_parts(chip, ("fabric",), timed=("fabric",))]
        if chip.semantics not in PRESETS:
            found.append(Problem("accelerator.semantics", chip.semantics, ", ".join(PRESETS)))
        return found

    @override
    def layers(self, workload: Workload, chip: Fpga, plan: CostPlan) -> Iterator[tuple[LayerCost, ...]]:
        neurons.refuse_unknown(workload)
        for name, fmt in plan.weight_formats.items():
            built = [Sized.of(layer, chip, fmt, plan.statistic) for layer in workload.layers]
            _check_room(built, chip)
            yield tuple(each.cost(chip, name) for each in built)

    @override
    def costs(self, workload: Workload, chip: Fpga, plan: CostPlan) -> tuple[Cost, ...]:
        """One cost a weight format, with the look-up tables and block memories of all stages."""
        found: list[Cost] = []
        for each in super().costs(workload, chip, plan):
            fmt = plan.weight_formats[each.weight_format]
            built = [Sized.of(layer, chip, fmt, plan.statistic).built for layer in workload.layers]
            used = {"lut": float(luts(built, 0)), "bram": sum(stage.block_rams for stage in built)}
            found.append(each.replace(resources=used))
        return tuple(found)

    @override
    def notes(self, workload: Workload, chip: Fpga, plan: CostPlan) -> Sequence[str]:
        return ("LUTs are a model held against yosys, energy one from a published design's power",)

    @override
    def pipeline(self, workload: Workload, chip: Fpga, layers: Sequence[LayerCost]) -> Pipeline | None:
        if not layers:
            return None
        return Pipeline(timesteps=workload.timesteps, stages=len(layers))


@dataclass(frozen=True)
class Sized:
    """A layer as a stage.

    Args:
        layer: The layer.
        built: What is built.
        cycles: Of an inference.
    """

    layer: Layer
    built: Built
    cycles: float

    @classmethod
    def of(cls, layer: Layer, chip: Fpga, fmt: Format, statistic: Statistic) -> Sized:
        """A layer on a device."""
        mask = layer.weight_mask.array()
        plain = layer.kernel == (1, 1) and layer.input.shape[1:] == (1, 1)
        channels, columns = mask.shape[0], int(np.prod(mask.shape[1:]))
        units = max(n for n in range(1, channels + 1) if channels % n == 0 and n <= chip.lanes.amount)
        several = units < channels or not plain  # one word per input would be all a compressed row saves
        sparse = fmt.locates_zeros and several and layer.groups == 1
        reads = "compressed" if sparse else chip.inputs if layer.groups == 1 else "scan"
        second = bool(layer.neuron and layer.neuron.kind == "synaptic")
        exact = chip.semantics == "spareto"
        how = preset(
            chip.semantics,
            leak_shift=4,
            digits=max(12, _POTENTIAL - int(chip.neuron_bits.amount)) if exact else 0,
            second_order=second,
            weight_bits=min(32, layer.weight_bits),
            neuron_bits=int(chip.neuron_bits.amount),
        )
        wide = how.weight_bits if exact else max(how.weight_bits, how.neuron_bits)
        grown = min(48, wide + (columns - 1).bit_length() // 2)
        sums = how.neuron_bits if how.saturation == "each" else grown
        positions = layer.plane[0] * layer.plane[1]
        blocks = channels // units
        lists, words = None, 0.0
        if sparse or (reads == "event" and not plain):
            live = mask.reshape(channels, columns)
            counts = words_of(live, units) if sparse else np.full(columns, blocks)
            lists, words = _lists(layer, counts, blocks, plain, sparse)
        built = Built(
            inputs=int(np.prod(layer.input.shape)),
            columns=columns,
            channels=channels,
            positions=positions,
            units=units,
            reads=reads,
            semantics=how,
            sums_bits=sums,
            lists=lists,
            taps=0 if plain else columns,
            tap_bits=0 if plain or lists else _tap_bits(layer, columns),
            digits=max(1, _WIDE - sums) if exact else 0,
            scaled_bits=_WIDE if exact else 0,
        )
        return cls(layer, built, _cycles(layer, built, words, statistic, plain))

    @property
    def luts(self) -> int:
        """Look-up tables of the stage alone."""
        return luts([self.built], 0)

    def cost(self, chip: Fpga, weight_format: str) -> LayerCost:
        """Everything the layer is charged for."""
        used = self.luts
        return LayerCost(
            name=self.layer.name,
            weight_format=weight_format,
            latency_cycles=self.cycles,
            stored_bits=self.layer.stored_bias_bits + self._stored(),
            steps=self.layer.timesteps,
            actions=(
                ActionCost(
                    component=chip.fabric.name,
                    tensor="products",
                    action="run",
                    count=self.cycles,
                    energy_pj=self.cycles * self.built.logic * chip.fabric.lut_energy.amount,
                ),
            ),
            notes=(f"{used:,} LUTs, {self.built.block_rams:g} block RAMs, {self.built.units} units",),
        )

    def _stored(self) -> float:
        if not self.layer.stores_weights:
            return 0.0
        lists = self.built.lists
        weights = self.built.memories[: 1 if lists is None else 3 if lists.entries else 2]
        return float(sum(rows * bits for rows, bits in weights))


def _tap_bits(layer: Layer, columns: int) -> int:
    """Bits of a tap's word: its weight, its offset, and with padding its row and column."""
    place = (columns - 1).bit_length() + (int(np.prod(layer.input.shape)) - 1).bit_length()
    return place + (2 * (max(layer.input.shape[1:]).bit_length() + 2) if any(layer.padding) else 0)


def _lists(
    layer: Layer, counts: npt.NDArray[np.int64], blocks: int, plain: bool, compressed: bool
) -> tuple[Lists, float]:
    """Lists of a layer's inputs, and the words that all of them take; `counts` are words of each column."""
    size = {"words": max(1, int(counts.sum())), "most": max(1, int(counts.max(initial=0)))}
    size |= {"blocks": blocks, "passes": blocks * layer.plane[0] * layer.plane[1]}
    inputs = int(np.prod(layer.input.shape))
    if plain:
        return Lists(inputs=inputs, compressed=compressed, **size), float(counts.sum())
    geometry = (layer.kernel, layer.stride, layer.padding, layer.input.shape[1:], layer.plane)
    often = np.broadcast_to(uses(*geometry), (len(counts) // int(np.prod(layer.kernel)), *layer.kernel))
    entries = max(1, int((often.reshape(-1) * (counts > 0)).sum()))
    lists = Lists(inputs=inputs, compressed=compressed, entries=entries, longest=longest(*geometry), **size)
    return lists, float((often.reshape(-1) * counts).sum())


def _cycles(layer: Layer, built: Built, words: float, statistic: Statistic, plain: bool) -> float:
    """Cycles of an inference; where inputs are scanned, every timestep is taken for one with a spike.

    Args:
        layer: The layer.
        built: Its stage.
        words: Words that all inputs take, where spikes are handed out by lists.
        statistic: Mean or maximum of the samples.
        plain: Whether it is a dense layer.
    """
    steps = layer.timesteps
    lists = 0 if built.lists is None else 1 if plain else 2
    stage = Stage(
        "neurons",
        built.reads,
        taps=built.columns,
        passes=built.passes,
        loads=int(built.passes > 1 or not plain or built.reads == "event"),
        lists=lists,
        digits=built.digits,
    )
    arriving = layer.input
    spikes = arriving.nonzero_mean if statistic == "mean" else arriving.nonzero_max
    if lists:
        share = spikes / max(1, steps * built.inputs)
        return steps * (stage.silent + lists) + share * steps * words
    if built.reads == "scan":
        return float(steps * stage.cycles(1))
    return steps * stage.silent + built.passes * spikes


def _check_room(built: list[Sized], chip: Fpga) -> None:
    """Refuse a network that the device does not hold."""
    fabric = chip.fabric
    used, blocks = sum(each.luts for each in built), sum(each.built.block_rams for each in built)
    needed = (("LUTs", used, fabric.luts.amount), ("block RAMs", blocks, fabric.block_rams.amount))
    CapacityError.if_any(
        Problem(
            f"{chip.name}.{fabric.name}",
            f"{count:,.0f} {what}",
            f"at most {there:,.0f} (over by {count - there:,.0f})",
            "Use fewer lanes, a smaller network or narrower weights.",
        )
        for what, count, there in needed
        if count > there
    )
