"""A stage of neurons as Verilog: its neuron, its control, its memories."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spareto.fpga.circuit import Neurons
from spareto.fpga.ranges import Ranges, ranges
from spareto.fpga.scatter import scattered
from spareto.fpga.verilog.arithmetic import bits_for
from spareto.fpga.verilog.encoder import encoder_name
from spareto.fpga.verilog.neuron import NeuronModule, PortWidths, constants_of, shape_of
from spareto.fpga.verilog.scatter import scatter_words
from spareto.fpga.verilog.text import fields, memory, packed, rendered, style, told
from spareto.hardware.fabric.memories import index_bits


@dataclass(frozen=True)
class StageText:
    """What stands for one stage.

    Args:
        module: Verilog.
        neuron: Verilog of the module it has for every unit.
        memories: Files for `$readmemh`, by name.
        encoders: Widths of the priority encoders it uses.
    """

    module: str
    neuron: str
    memories: dict[str, str]
    encoders: tuple[int, ...] = field(default=())


class StageWriter:
    """The text of one stage.

    Args:
        stage: The stage.
        name: Of its module.
    """

    def __init__(self, stage: Neurons, name: str) -> None:
        self.stage, self.name = stage, name
        self.found: Ranges = ranges(stage)
        self.shape: PortWidths = shape_of(stage, self.found)
        self.memories: dict[str, str] = {}

    @property
    def scaled(self) -> bool:
        """Whether sums take a multiplier before they enter a neuron."""
        return self.stage.multiplier is not None

    @property
    def direct(self) -> bool:
        """Whether the accumulators are the potentials."""
        how = self.stage.semantics
        plain = how.order == "fire" and how.saturation == "each" and not how.second_order
        return plain and self.cleared

    @property
    def cleared(self) -> bool:
        """Whether states are registers, put back when a recording ends."""
        return self.stage.passes == 1 and not self.stage.scatters

    @property
    def tap_bits(self) -> int:
        """Bits that say where a tap of its window is; 0 for a dense layer."""
        return self._window().get("tap_word", 0)

    def text(self) -> StageText:
        """Module and memories."""
        encoders: list[int] = []
        scatters = self.stage.scatters
        if self.stage.reads != "scan":
            encoders.append(self.stage.window.inputs)
            encoders += [self.stage.outputs] if self.stage.feedback is not None else []
        context = self._control() | self._scale() | self._constants()
        if scatters:
            words = scatter_words(self.stage, self.shape.weight)
            context |= words.context
            self.memories |= words.memories
        else:
            context |= self._weights() | self._window() | self._back()
        ports = self._ports()
        neuron = rendered(
            "neuron.v.j2",
            name=self.name,
            about=f"One neuron of '{told(self.stage.name)}': its arithmetic, without registers.",
            ports=[declaration for declaration, _, _ in ports],
            body=NeuronModule(self.stage, self.found, self.shape, self.direct, self.cleared).body(),
        )
        wires = [(port, wire) for _, port, wire in ports]
        module = rendered("scatter.v.j2" if scatters else "stage.v.j2", ports=wires, **context)
        return StageText(module, neuron, self.memories, tuple(encoders))

    def _control(self) -> dict[str, Any]:
        stage, how = self.stage, self.stage.semantics
        passes, blocks = stage.passes, stage.blocks
        event, fed = stage.reads == "event", stage.feedback is not None
        story = "add the weights of those that spiked, then let the neurons fire"
        if how.order == "fire":
            story = "let the neurons fire, then add the weights of the inputs that spiked"
        return {
            "name": self.name,
            "about": f"'{told(stage.name)}': {stage.outputs} neurons, {stage.units} at a time.",
            "story": story,
            "inputs": stage.window.inputs,
            "outputs": stage.outputs,
            "units": stage.units,
            "passes": passes,
            "pass_bits": index_bits(passes),
            "blocks": blocks,
            "block_bits": index_bits(blocks),
            "positions": stage.window.positions,
            "event": event,
            "fed": fed,
            "loads": stage.loads,
            "keeps_spikes": not event,
            "keeps_fed": fed and not event,
            "cleared": self.cleared,
            "keeps_fresh": fed or not self.cleared,
            "start_word": packed([stage.start], self.shape.state),
            "scaled": self.scaled,
            "direct": self.direct,
            "fire_first": how.order == "fire",
            "w": self.shape,
            "state_style": style(passes, stage.units * self.shape.stored, "ram"),
        }

    def _weights(self) -> dict[str, Any]:
        stage = self.stage
        columns = stage.weights.shape[1]
        windowed = not stage.window.plain
        bits = stage.units * self.shape.weight
        rows = columns * stage.blocks
        self.memories["weights"] = memory(_rows(stage.weights, stage.units, self.shape.weight), bits)
        address, own = index_bits(rows), index_bits(columns)
        column = "column" if windowed else "next_tap"
        return {
            "taps": stage.window.taps,
            "tap_bits": index_bits(stage.window.taps),
            "columns": columns,
            "column_bits": own,
            "column_name": column,
            "column_at": f"{{{address - own}'d0, {column}}}" if address > own else column,
            "weight_rows": rows,
            "address_bits": address,
            "weight_style": style(rows, bits),
            "spike_at": "place" if windowed else "next_tap",
            "encoder": encoder_name(stage.window.inputs),
        }

    def _window(self) -> dict[str, Any]:
        window = self.stage.window
        context: dict[str, Any] = {"windowed": not window.plain, "bounded": False}
        if window.plain:
            return context
        place, column = index_bits(window.inputs), index_bits(self.stage.weights.shape[1])
        grid, mask = window.rows, (1 << place) - 1
        parts: list[tuple[Any, int]] = [(window.offsets, place)]
        context |= {"place_bits": place, "first_origin": f"{place}'d{int(window.origins[0]) & mask}"}
        if grid is not None:
            context |= {
                "width_out": grid.size[1],
                "place_column_bits": index_bits(grid.size[1]),
                "line_step": f"{place}'d{grid.line & mask}",
                "column_step": f"{place}'d{grid.step & mask}",
            }
        if grid is not None and window.valid is not None:
            reach = max(*grid.limits, *(n * s for n, s in zip(grid.size, grid.stride, strict=True)))
            reach += int(max(grid.tap_rows.max(), grid.tap_columns.max()))
            row = bits_for(min(grid.first), reach)
            parts += [(grid.tap_rows, row), (grid.tap_columns, row)]
            first = [_signed(value, row) for value in grid.first]
            context |= {
                "bounded": True,
                "row_bits": row,
                "first_row": first[0],
                "first_column": first[1],
                "zero_row": f"{row}'sd0",
                "limit_row": f"{row}'sd{grid.limits[0]}",
                "limit_column": f"{row}'sd{grid.limits[1]}",
                "row_step": f"{row}'sd{grid.stride[0]}",
                "step_column": f"{row}'sd{grid.stride[1]}",
            }
        parts.append((window.columns, column))
        bits = sum(width for _, width in parts)
        words = [fields([(int(v[tap]), width) for v, width in parts]) for tap in range(window.taps)]
        self.memories["taps"] = memory(words, bits)
        return context | {"tap_word": bits, "tap_style": style(window.taps, bits)}

    def _back(self) -> dict[str, Any]:
        stage = self.stage
        if stage.feedback is None:
            return {}
        bits, rows = stage.units * self.shape.back, stage.outputs * stage.blocks
        self.memories["back"] = memory(_rows(stage.feedback, stage.units, self.shape.back), bits)
        address, own = index_bits(rows), index_bits(stage.outputs)
        return {
            "back_rows": rows,
            "back_style": style(rows, bits),
            "back_bits": own,
            "back_address_bits": address,
            "back_at": f"{{{address - own}'d0, next_back}}" if address > own else "next_back",
            "back_encoder": encoder_name(stage.outputs),
        }

    def _scale(self) -> dict[str, Any]:
        stage, digits = self.stage, self.found.digits
        if stage.multiplier is None:
            return {}
        columns = [stage.bias, stage.multiplier]
        columns += [] if stage.feedback_multiplier is None else [stage.feedback_multiplier]
        words = [
            packed([int(v[c]) >> digit & 1 for v in columns for c in block], 1)
            for block in np.arange(stage.channels).reshape(stage.blocks, stage.units)
            for digit in range(digits, -1, -1)
        ]
        bits = len(columns) * stage.units
        self.memories["digits"] = memory(words, bits)
        return {
            "scale_word": bits,
            "scale_rows": len(words),
            "scale_bits": index_bits(len(words)),
            "scale_digits": digits,
            "scale_count_bits": index_bits(digits + 1),
            "scale_style": style(len(words), bits),
        }

    def _constants(self) -> dict[str, Any]:
        stage, shape = self.stage, self.shape
        context: dict[str, Any] = {"constant_bits": shape.constant_bits}
        if not shape.constant_bits:
            return context
        widths = [bits for bits in shape.constants if bits]
        each = [fields(list(zip(row, widths, strict=True))) for row in constants_of(stage, shape)]
        rows = [
            packed(each[n : n + stage.units], shape.constant_bits)
            for n in range(0, stage.channels, stage.units)
        ]
        bits = stage.units * shape.constant_bits
        self.memories["constants"] = memory(rows, bits)
        names = zip(("threshold", "reset", "bias"), shape.constants, strict=True)
        context["constant_names"] = ", ".join(name for name, used in names if used)
        return context | {"constant_style": style(0, bits)}  # read without a clock

    def _ports(self) -> list[tuple[str, str, str]]:
        """Ports of the neuron: their declaration, their name, what a unit connects them to."""
        shape, how = self.shape, self.stage.semantics
        ports: list[tuple[str, str, str]] = []
        scatters = self.stage.scatters
        own = {"sum", "added", "begun", "held", "held_next"} if scatters else set[str]()  # a unit's own

        def one(direction: str, name: str, wire: str) -> None:
            ports.append((f"{direction} wire {name}", name, wire))

        def word(direction: str, name: str, bits: int, vector: str, stride: int = 0, low: int = 0) -> None:
            stride = stride or bits
            offset = f" + {low}" if low else ""
            place = vector if vector in own else f"{vector}[unit * {stride}{offset} +: {bits}]"
            ports.append((f"{direction} wire signed [{bits - 1}:0] {name}", name, place))

        if not self.cleared:
            one("input ", "fresh", "fresh")
        word("input ", "stored_potential", shape.state, "prior", shape.stored)
        if shape.current:
            word("input ", "stored_current", shape.current, "prior", shape.stored, shape.state)
        if shape.late:
            one("input ", "stored_fired", f"prior[unit * {shape.stored} + {shape.state + shape.current}]")
        low = 0
        for name, bits in zip(("threshold", "reset", "bias"), shape.constants, strict=True):
            if bits:
                word("input ", name, bits, "constant_row", shape.constant_bits, low)
                low += bits
        if scatters:
            word("input ", "weight", shape.weight, "word", scattered(self.stage).lists.slot + shape.weight)
        else:
            word("input ", "weight", shape.weight, "weight_row")
        if shape.back:
            word("input ", "back_weight", shape.back, "back_row")
            if not self.scaled:
                one("input ", "backward", "state == BACK")
        word("input ", "sum", shape.sums, "sum" if scatters else "sums")
        word("output", "added", shape.sums, "added")
        if self.scaled:
            self._scaled_ports(one, word)
        else:
            word("output", "begun", shape.sums, "begun")
        if shape.held:
            word("input ", "held", shape.held, "held")
            word("output", "held_next", shape.held, "held_next")
        if how.order == "fire":
            one("output", "fires_first", "fires_first[unit]")
        else:
            one("output", "fires", "fires[unit]")
        if not self.direct:
            word("output", "ended", shape.state, "result", shape.stored)
        if shape.current:
            word("output", "ended_current", shape.current, "result", shape.stored, shape.state)
        return ports

    def _scaled_ports(self, one: Any, word: Any) -> None:
        shape, units = self.shape, self.stage.units
        if shape.back_sums:
            word("input ", "back_sum", shape.back_sums, "back_sums")
            word("output", "back_added", shape.back_sums, "back_added")
            one("input ", "back_factor_bit", f"digit_row[{2 * units} + unit]")
        one("input ", "factor_bit", f"digit_row[{units} + unit]")
        one("input ", "bias_bit", "digit_row[unit]")
        word("input ", "scaled", shape.scaled, "scaled")
        word("output", "scaled_next", shape.scaled, "scaled_next")


def _rows(weights: Any, units: int, bits: int) -> list[int]:
    """Rows of a weight memory: block after block, in it a row per input, in that a weight per unit."""
    blocks = weights.reshape(-1, units, weights.shape[1])
    return [packed(block[:, column].tolist(), bits) for block in blocks for column in range(block.shape[1])]


def _signed(value: int, bits: int) -> str:
    return f"{bits}'sd{value}" if value >= 0 else f"-{bits}'sd{-value}"
