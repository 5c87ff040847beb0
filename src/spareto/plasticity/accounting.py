"""What a network takes: bits it stores, operations of a sample, energy of both; every factor is written out.

Arithmetic and memory are those of `hardware/tables` at 45 nm. Weights and states lie in SRAM banks of
128 KiB that are read and written in words of 64 bits: an assumption, the same for every network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spareto.hardware.tables import estimate
from spareto.records.plasticity import PlasticityPlan, Population

FLOAT_BITS: Final = 32
COUNTER_BITS: Final = 8
"""Of a refractory counter."""
_BANK: Final = {"table": "sram_45nm", "bytes": 131072, "width_bits": 64}

Amounts = dict[str, float]


def memory_bits(plan: PlasticityPlan, pixels: int, neurons: int) -> Amounts:
    """Bits that the network keeps, by what they are of.

    `inhibition` is one number, for all connections are equal; `inhibition_stored` is what it would be with
    one number per connection, and is not part of the sum.
    """
    weight, state = _widths(plan)
    population = isinstance(plan.inhibition, Population)
    by_spikes = not plan.learning.window_ms
    own = neurons * (2 * state + COUNTER_BITS)
    inner = neurons * (state + COUNTER_BITS) if population else 0
    traces = (pixels + (neurons if by_spikes else 0)) * state
    return {
        "weights": pixels * neurons * weight,
        "neurons": own,
        "inhibitory_neurons": inner,
        "traces": traces,
        "inhibition": weight,
        "inhibition_stored": neurons * (neurons - 1) * weight + (neurons * weight if population else 0),
    }


def total_bits(bits: Mapping[str, float], *, stored_inhibition: bool = False) -> float:
    """The sum of what `memory_bits` gives, with one number for all inhibition, or one a connection."""
    left_out = "inhibition" if stored_inhibition else "inhibition_stored"
    return sum(value for name, value in bits.items() if name != left_out)


def operations(
    plan: PlasticityPlan, pixels: int, neurons: int, counts: Mapping[str, float], *, learns: bool
) -> Amounts:
    """Operations of a mean sample.

    Args:
        plan: The network.
        pixels: Its inputs.
        neurons: Its neurons.
        counts: Means of what the kernel counts, by `kernels.local.COUNTS`.
        learns: Whether the sample is learnt from.
    """
    T, population = plan.coding.duration_ms, isinstance(plan.inhibition, Population)
    pressing = counts["inner_spikes"] if population else counts["spikes"]
    by_spikes = not plan.learning.window_ms
    traced = pixels + (neurons if by_spikes else 0)
    return {
        "input_additions": counts["inputs"] * neurons,
        "lateral_additions": pressing * (neurons - 1) + (counts["spikes"] if population else 0),
        "neuron_updates": float(T * neurons * (2 if population else 1)),
        "trace_updates": float(T * traced) if learns else 0.0,
        "weight_update_moments": counts["updates"],
        "weights_written": counts["writes"],
        "weights_normalised": counts["columns"] * pixels,
        "weights_written_densely": _densely(plan, pixels, neurons) if learns else 0.0,
    }


def _densely(plan: PlasticityPlan, pixels: int, neurons: int) -> float:
    """Weights that a loop over whole matrices writes, as on a GPU.

    Each timestep the matrix is depressed and potentiated; with windows it is written once a window.
    """
    T, window = plan.coding.duration_ms, plan.learning.window_ms
    return float(pixels * neurons * (T // window if window else 2 * T))


def energy_pj(plan: PlasticityPlan, done: Mapping[str, float]) -> Amounts:
    """Energy of a sample's operations, picojoules, by what they are.

    Args:
        plan: The network.
        done: What `operations` gave.
    """
    weight, state = _widths(plan)
    add, multiply = _arithmetic(plan, "add"), _arithmetic(plan, "multiply")
    read, write = (_value(action=action, **_BANK) / 64 for action in ("read", "write"))
    kept = (2 * state + COUNTER_BITS) * (read + write)
    return {
        "input_additions": done["input_additions"] * (add + weight * read),
        "lateral_additions": done["lateral_additions"] * add,
        "neuron_updates": done["neuron_updates"] * (3 * add + multiply + kept),
        "trace_updates": done["trace_updates"] * (multiply + state * (read + write)),
        "weights_written": done["weights_written"]
        * (add + multiply + weight * (read + write) + state * read),
        "weights_normalised": done["weights_normalised"] * (add + multiply + weight * (2 * read + write)),
    }


def _widths(plan: PlasticityPlan) -> tuple[int, int]:
    formats = plan.fixed_point
    return (FLOAT_BITS, FLOAT_BITS) if formats is None else (formats.weight_bits, formats.state_bits)


def _arithmetic(plan: PlasticityPlan, what: str) -> float:
    unit = {"add": "adder", "multiply": "multiplier"}[what]
    action = unit if plan.fixed_point else f"float_{unit}"
    return _value(table="arithmetic_45nm", action=action, bits=_widths(plan)[1])


def _value(**given: Any) -> float:
    return float(estimate(given, "accounting")["value"])
