"""What one inference costs on one accelerator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from spareto.core.bounds import Amount, Natural, Positive
from spareto.core.config import Record
from spareto.records.pipeline import Pipeline
from spareto.records.workload import Statistic

Mode = Literal["timeloop-compatible", "physical"]


class ActionCost(Record):
    """One kind of action of one component for one tensor: how often, and at what energy.

    Args:
        component: Part of the accelerator: `dram`, `shared_glb`, `mac`.
        tensor: What is moved or computed: `weights`, `inputs`, `outputs`, `state`, `metadata`, ...
        action: `read`, `write`, `accumulate`, `multiply_accumulate`, `leak`, ...
        count: Actions per inference, summed over all instances of the component.
        energy_pj: Energy of all of them, picojoules.
        bits: Bits they move; 0 where nothing is moved.
    """

    component: str
    tensor: str
    action: str
    count: Amount
    energy_pj: Amount
    bits: Amount = 0.0

    @classmethod
    def of(
        cls, component: str, tensor: str, action: str, count: float, each_pj: float, bits: float = 0.0
    ) -> ActionCost:
        """So many actions, each of `each_pj` picojoules."""
        energy = count * each_pj
        return cls(
            component=component, tensor=tensor, action=action, count=count, energy_pj=energy, bits=bits
        )


class LayerCost(Record):
    """What one layer costs per inference.

    Args:
        name: Dotted name of the layer in the network.
        latency_cycles: Cycles it takes; where layers run at the same time, cycles its slowest core works.
        stored_bits: Weights as stored in the accelerator's outermost memory, metadata included.
        actions: Everything that was charged.
        weight_format: Format its weights are stored in.
        steps: Timesteps its cycles are spread over.
        cores: Cores or crossbar arrays it takes; 0 where the accelerator is not made of such.
        notes: What a reader should know about how it was costed: what a mapping pads, units left idle.
        cycles_by_step: Cycles of each timestep, where layers are joined by buffers; they sum to its cycles.
    """

    name: str
    latency_cycles: Amount
    stored_bits: Amount
    actions: tuple[ActionCost, ...]
    weight_format: str = ""
    steps: Positive = 1
    cores: Natural = 0
    notes: tuple[str, ...] = ()
    cycles_by_step: tuple[Amount, ...] = ()

    def steps_of(self, timesteps: int, inferences: int = 1) -> tuple[float, ...]:
        """Cycles of each timestep of so many inferences; what runs once an inference runs in its first."""
        if len(self.cycles_by_step) == timesteps * inferences:
            return self.cycles_by_step
        if self.steps == 1:
            return (self.latency_cycles, *[0.0] * (timesteps - 1)) * inferences
        return (self.latency_cycles / timesteps,) * (timesteps * inferences)

    @property
    def energy_pj(self) -> float:
        """Energy of all actions, picojoules."""
        return sum(action.energy_pj for action in self.actions)

    def energy_by_component(self) -> dict[str, float]:
        """Energy in picojoules by component, in the order the components first appear."""
        totals: dict[str, float] = {}
        for action in self.actions:
            totals[action.component] = totals.get(action.component, 0.0) + action.energy_pj
        return totals


PARTS = ("sums", "weights", "inputs", "outputs", "neurons", "idle", "other")
_PART_OF = {
    "products": "sums",
    "weights": "weights",
    "metadata": "weights",
    "biases": "weights",
    "inputs": "inputs",
    "outputs": "outputs",
    "state": "neurons",
    "idle": "idle",
}


def part_of(action: ActionCost) -> str:
    """What an action's energy is spent on: one of `PARTS`."""
    return _PART_OF.get(action.tensor, "other")


def energy_by_part(cost: Cost) -> dict[str, float]:
    """Energy in picojoules by what it is spent on; the parts add up to that of an inference.

    `sums` are the synaptic operations, `weights` their weights, metadata and biases, `inputs` and `outputs`
    the spikes or activations and partial sums moved, `neurons` the updates and states, `idle` leakage.
    """
    parts: dict[str, float] = {part: 0.0 for part in PARTS}  # noqa: C420 - keeps the type
    for layer in cost.attributed:
        for action in layer.actions:
            parts[part_of(action)] += action.energy_pj
    return parts


class Cost(Record):
    """What one inference of a network costs on one accelerator.

    Args:
        accelerator: Name of the accelerator.
        mode: Accounting rules that were used.
        weight_format: Format the weights are stored in; `best` if every layer has its own.
        spike_format: Format that spikes are stored and sent in.
        statistic: Whether mean or maximum spiking activity was charged.
        clock_mhz: Clock frequency of the accelerator; None where only cycles are known.
        area_um2: Silicon of the accelerator, square micrometres; None if its description does not say.
        layers: One entry per layer, in network order.
        pipeline: How layers that run at the same time share it; None where one runs after the other.
        batch: Inferences that were costed together; all numbers are of one of them.
        notes: What a reader should know about all of them: where mappings come from.
        resources: What it takes of programmable logic: `lut`, `ff`, `dsp`, blocks of memories by name.
    """

    accelerator: str
    mode: Mode
    weight_format: str
    spike_format: str = "none"
    statistic: Statistic = "mean"
    clock_mhz: Amount | None = None
    area_um2: Amount | None = None
    layers: tuple[LayerCost, ...]
    pipeline: Pipeline | None = None
    batch: Positive = 1
    notes: tuple[str, ...] = ()
    resources: dict[str, Amount] = Field(default_factory=dict[str, Amount])

    def __repr__(self) -> str:
        return (
            f"Cost({self.accelerator!r}, weights {self.weight_format!r}: {self.energy_pj:.6g} pJ, "
            f"{self.latency_cycles:.6g} cycles, {len(self.layers)} layers)"
        )

    @property
    def shared(self) -> tuple[ActionCost, ...]:
        """What belongs to no layer: the leakage of an accelerator whose layers run at the same time."""
        cycles, static = self.latency_cycles, self.pipeline.static_pj_per_cycle if self.pipeline else {}
        return tuple(ActionCost.of(name, "idle", "leak", cycles, each) for name, each in static.items())

    @property
    def energy_pj(self) -> float:
        """Energy of one inference, picojoules."""
        return sum(layer.energy_pj for layer in self.layers) + sum(each.energy_pj for each in self.shared)

    @property
    def step_cycles(self) -> float | None:
        """Cycles of one timestep, where layers run at the same time; with buffers, a mean."""
        if not self.pipeline:
            return None
        if self.pipeline.buffers:
            return self.interval_cycles / self.pipeline.timesteps
        return self.pipeline.step_cycles(layer.latency_cycles / layer.steps for layer in self.layers)

    @property
    def latency_cycles(self) -> float:
        """Cycles of one inference."""
        if self.pipeline and self.pipeline.buffers:
            return self.pipeline.buffered(self._rows)
        if self.pipeline and self.step_cycles is not None:
            return self.pipeline.latency(self.step_cycles)
        return sum(layer.latency_cycles for layer in self.layers)

    @property
    def interval_cycles(self) -> float:
        """Cycles between two inferences that follow each other at once."""
        if self.pipeline and self.pipeline.buffers:
            return self.pipeline.buffered_interval(self._rows)
        if self.pipeline and self.step_cycles is not None:
            return self.pipeline.interval(self.step_cycles)
        return self.latency_cycles

    @property
    def energy_delay_pj_cycles(self) -> float:
        """Energy-delay product of one inference."""
        return self.energy_pj * self.latency_cycles

    @property
    def latency_us(self) -> float | None:
        """Microseconds of one inference, where the clock is known."""
        return self.latency_cycles / self.clock_mhz if self.clock_mhz else None

    @property
    def _rows(self) -> list[tuple[float, ...]]:
        """Cycles of every layer for every timestep."""
        pipeline = self.pipeline
        assert pipeline is not None, "only what has buffers has rows"
        return [layer.steps_of(pipeline.timesteps, pipeline.inferences) for layer in self.layers]

    @property
    def fps(self) -> float | None:
        """Inferences a second that follow each other at once, where the clock is known."""
        busy = self.interval_cycles
        return self.clock_mhz * 1e6 / busy if self.clock_mhz and busy else None

    @property
    def fps_per_watt(self) -> float | None:
        """Inferences a joule: inferences a second by the power they take; None if they take no energy."""
        return 1e12 / self.energy_pj if self.energy_pj else None

    @property
    def footprint_bits(self) -> float:
        """Stored weights with metadata, bits."""
        return sum(layer.stored_bits for layer in self.layers)

    @property
    def attributed(self) -> tuple[LayerCost, ...]:
        """The layers, with shared time and energy divided among them by the time each works.

        Their energies and cycles add up to those of the inference.
        """
        if not self.pipeline:
            return self.layers
        busy = [layer.latency_cycles for layer in self.layers]
        total, whole = sum(busy), self.latency_cycles
        shares = [each / total if total else 1.0 / len(busy) for each in busy]
        return tuple(
            layer.replace(
                latency_cycles=whole * share,
                actions=(*layer.actions, *(_part(action, share) for action in self.shared)),
            )
            for layer, share in zip(self.layers, shares, strict=True)
        )

    def energy_by_component(self) -> dict[str, float]:
        """Energy in picojoules by component, summed over layers."""
        totals: dict[str, float] = {}
        for layer in self.layers:
            for component, energy in layer.energy_by_component().items():
                totals[component] = totals.get(component, 0.0) + energy
        for action in self.shared:
            totals[action.component] = totals.get(action.component, 0.0) + action.energy_pj
        return totals


def cheapest(costs: Iterable[Cost]) -> Cost:
    """The cost of the least energy, the first of equals: which weight format counts."""
    return min(costs, key=lambda cost: cost.energy_pj)


def _part(action: ActionCost, share: float) -> ActionCost:
    return action.replace(count=action.count * share, energy_pj=action.energy_pj * share)
