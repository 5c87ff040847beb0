"""Every registered neuron with every convention: what the tests of neurons run, on whatever device."""

from __future__ import annotations

import torch
from torch import Tensor

from spareto.neurons import SpikingNeuron, registry
from spareto.neurons._family import Reset

RESETS = [{"reset": reset} for reset in Reset.__args__ if reset != "value"]
RESETS += [{"reset": "value", "v_reset": -0.3}]
FAMILY = [{**reset, **how} for how in ({}, {"detach_reset": False}, {"strict": True}) for reset in RESETS]
OPTIONS = {
    "alif": [*FAMILY, {"tau_adapt": 3.0, "adapt_scale": 0.7, "reset": "subtract"}],
    "iaf": FAMILY,
    "lif": [
        *FAMILY,
        {"tau": 3.0},
        {"tau": 5.0, "reset": "subtract", "v_threshold": 0.7},
        {"beta": 0.9, "gain": 1.0},
        {"tau": 4.0, "decay": "exponential", "v_leak": -0.2},
    ],
    "multi_spike": [
        {},
        {"detach_reset": False},
        {"neuron": "iaf", "strict": True},
        {"neuron": "plif", "v_threshold": 0.7, "v_leak": -0.2},
        {"neuron": "synaptic", "alpha": 0.8, "most": 2},
        {"neuron": "alif", "adapt_scale": 0.7, "tau_adapt": 3.0, "detach_reset": False},
    ],
    "plif": [*FAMILY, {"tau": 3.0, "gain": 1.0}],
    "quantized_state": [
        {},
        {"neuron": "synaptic", "reset": "subtract", "strict": True},
        {"neuron": "alif", "reset": "value", "v_reset": -0.25, "bits": 5},
        {"neuron": "plif", "reset": "zero_delayed", "detach_reset": False},
        {"neuron": "recurrent", "reset": "subtract_delayed"},
        {"neuron": "multi_spike"},
        {"neuron": "lif", "bits": 2, "v_max": 1.0},
    ],
    "quantized_membrane": [
        {},
        {"bits": 4, "neuron": "synaptic", "reset": "subtract", "strict": True},
        {"bits": 3, "neuron": "alif", "reset": "value", "v_reset": -0.25, "start": 0.7},
        {"bits": 8, "neuron": "plif", "reset": "zero_delayed", "detach_reset": False},
        {"bits": 4, "neuron": "synaptic", "reset": "subtract_delayed", "detach_reset": False},
        {"neuron": "lif", "v_leak": -0.2},
        {"squash": "tanh"},
    ],
    "recurrent": [
        {},
        {"neuron": "alif", "bias": True, "reset": "value", "v_reset": -0.3},
        {"neuron": "iaf", "reset": "subtract", "strict": True},
        {"neuron": "plif", "reset": "subtract_delayed"},
        {"neuron": "plif", "reset": "none", "detach_reset": False},
        {"neuron": "synaptic", "reset": "zero_delayed", "strict": True},
        {"neuron": "synaptic", "reset": "subtract", "detach_reset": False, "bias": True},
        {"neuron": "quantized_state"},
        {"neuron": "quantized_membrane", "bits": 3},
    ],
    "synaptic": [*FAMILY, {"alpha": 0.8, "beta": 0.6, "gain": 1.0, "reset": "zero_delayed"}],
}
BY_STEPS = ("multi_spike",)  # no kernel runs them
VARIANTS = [(name, options) for name in registry.names() for options in OPTIONS.get(name, [{}])]
SHAPES = [(1, 3), (7, 5, 3), (4, 1, 17), (6, 0, 2), (0, 4, 3), (3, 2, 259), (2, 3, 5, 7, 3)]
LAYOUTS = ["transposed", "strided", "expanded", "channels_last", "single_channel"]


def make(variant: tuple[str, dict], features: int) -> SpikingNeuron:
    name, options = variant
    torch.manual_seed(0)
    recurrent = "recurrent" in (name, options.get("neuron"))
    return registry.make(name, **options, **({"features": features} if recurrent else {}))


def currents(shape: tuple[int, ...], dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype) * 1.5 + 0.7


def scattered(layout: str, device: str = "cpu") -> Tensor:
    """Currents that do not lie in one piece of memory, or not in the usual order."""
    match layout:
        case "transposed":
            return currents((3, 5, 4)).to(device).transpose(0, 2)
        case "strided":
            return currents((8, 3, 10)).to(device)[::2, :, 1::3]
        case "expanded":
            return currents((6, 1, 4)).to(device).expand(6, 3, 4)
        case "channels_last":
            merged = currents((12, 5, 4, 3)).to(device, memory_format=torch.channels_last)
            return merged.unflatten(0, (4, 3))
        case _:
            return currents((4, 6, 1, 3, 5), seed=2).to(device).transpose(0, 1)
