"""snnTorch: neurons that take one timestep per call and keep their state as buffers."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import nn

from spareto.frameworks._rows import (
    NOT_INFERENCE,
    OWN_NEURON,
    SCALED,
    Framework,
    NeuronFacts,
    Refused,
    Row,
    descends_from,
)
from spareto.frameworks._updates import neuron

_MEMORIES: Final = ("spk", "syn", "syn_exc", "syn_inh", "mem", "mem_prev")


def _step(kind: str, states: int, module: Any, **others: Any) -> NeuronFacts:
    return neuron(
        kind,
        "one step",
        states=states,
        counts=_graded(module),
        state_bits=_bits(getattr(module, "state_quant", False)),
        **others,
    )


def _leaky(module: Any) -> NeuronFacts:
    return _step(_leak_of(module), 1, module)


def _recurrent_leaky(module: Any) -> NeuronFacts:
    all_to_all = bool(module.all_to_all)
    kind = _leak_of(module) if all_to_all else "lif_one_to_one"
    return _step(kind, 1, module, products=all_to_all)


def _recurrent_synaptic(module: Any) -> NeuronFacts:
    all_to_all = bool(module.all_to_all)
    return _step("synaptic" if all_to_all else "synaptic_one_to_one", 2, module, products=all_to_all)


def _state_leaky(module: Any, *, products: bool = False) -> NeuronFacts:
    """Its kernel `exp(-t/tau)` is a leak; cut off after K taps, it is a filter over K inputs."""
    fires, taps = bool(module.output), module.kernel_truncation_steps
    kind, states = ("lif" if fires else "li", 1) if taps is None else ("fir", int(taps))
    counts = fires and _graded(module)
    return neuron(
        kind, "time-batch", states=states, products=products, fires=fires, counts=counts or not fires
    )


def _linear_leaky(module: Any) -> NeuronFacts:
    return _state_leaky(module, products=True)


def _parallel(module: Any) -> NeuronFacts:
    return neuron("lif", "time-batch", products=True, counts=_graded(module))


_ASSOCIATIVE = Refused("reads its state out through a product of activations, and emits no spikes")

NEURONS: Final[dict[str, Row]] = {
    "Leaky": _leaky,
    "Lapicque": _leaky,
    "DeltaLeaky": lambda module: _step("delta", 1, module),
    "Synaptic": lambda module: _step("synaptic", 2, module),
    "Alpha": lambda module: _step("alpha", 3, module),
    "RLeaky": _recurrent_leaky,
    "RSynaptic": _recurrent_synaptic,
    "SLSTM": lambda module: _step("slstm", 2, module, products=True),
    "SConv2dLSTM": lambda module: _step("slstm", 2, module, products=True),
    "StateLeaky": _state_leaky,
    "LinearLeaky": _linear_leaky,
    "LeakyParallel": _parallel,
    "LeakyKernel": _parallel,
    "AssociativeLeaky": _ASSOCIATIVE,
    "RecurrentOneToOne": SCALED,
    "SpikingNeuron": OWN_NEURON,
    "LIF": OWN_NEURON,
}


def _leak_of(module: Any) -> str:
    """`iaf` where the potential is kept whole for good, else `lif`."""
    beta = module.beta
    fixed = not isinstance(beta, nn.Parameter)
    return "iaf" if fixed and bool((torch.as_tensor(beta) == 1).all()) else "lif"


def _graded(module: Any) -> bool:
    factor = module.graded_spikes_factor
    return isinstance(factor, nn.Parameter) or bool((torch.as_tensor(factor) != 1).any())


def _bits(quantizer: Any) -> int | None:
    """Width that `snntorch.functional.quant.state_quant` rounds a state to: its levels, in bits."""
    for cell in getattr(quantizer, "__closure__", None) or ():
        levels = cell.cell_contents
        if isinstance(levels, torch.Tensor) and levels.dim() == 1 and len(levels) > 1:
            return (len(levels) - 1).bit_length()
    return None


def _keeps(module: Any) -> bool:
    return descends_from(module, "snntorch", "SpikingNeuron") and hasattr(module, "reset_mem")


def _reset(module: Any) -> None:
    """Drop the state; the next call makes one that fits its input."""
    module.reset_mem()
    for name in _MEMORIES:
        kept = module._buffers.get(name)
        if kept is not None:
            module._buffers[name] = kept.new_zeros(0)


FRAMEWORK: Final = Framework(
    name="snnTorch",
    package="snntorch",
    shelves={
        "snntorch._neurons": NEURONS,
        "snntorch._layers": {"GradedSpikes": SCALED},
        "snntorch.functional": {"SpikeTime": NOT_INFERENCE, "STDPLearner": NOT_INFERENCE},
    },
    keeps=_keeps,
    reset=_reset,
    told="The states of its snnTorch neurons are reset before every batch.",
)
