"""sinabs: neurons that take `(batch, time, ...)`, or both merged, and keep their state as buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from spareto.frameworks._rows import (
    BLOCK,
    CONTAINER,
    ENCODER,
    MOVED,
    OWN_NEURON,
    SUMMED,
    Framework,
    Free,
    NeuronFacts,
    Refused,
    Row,
    descends_from,
)
from spareto.frameworks._updates import neuron


def _neuron(kind: str, states: int = 1, *, recurrent: bool = False) -> Callable[[Any], NeuronFacts]:
    """Facts of a layer; a synaptic current makes `lif` and `iaf` synaptic. A lower bound is saturation."""

    def facts(module: Any) -> NeuronFacts:
        with_current = "i_syn" in module._buffers
        named = "synaptic" if with_current and kind in ("lif", "iaf") else kind
        fires = getattr(module, "spike_fn", None) is not None
        return neuron(
            named if fires else "li",
            "batch-time",
            states=states + with_current,
            products=recurrent,
            fires=fires,
            counts=_counts(getattr(module, "spike_fn", None)),
            **_squeezed(module),
        )

    return facts


def _counts(spike_fn: Any) -> bool:
    """Whether a neuron may fire more than once a timestep."""
    if getattr(spike_fn, "max_num_spikes_per_bin", None) == 1:
        return False
    return getattr(spike_fn, "__name__", "") != "SingleSpike"


def _squeezed(module: Any) -> dict[str, Any]:
    if not hasattr(module, "squeeze_forward"):
        return {}
    steps, samples = int(module.num_timesteps), int(module.batch_size)
    return {
        "squeezed": True,
        "steps": steps if steps > 0 else None,
        "samples": samples if samples > 0 else None,
    }


LAYERS: Final[dict[str, Row]] = {
    "LIF": _neuron("lif"),
    "LIFSqueeze": _neuron("lif"),
    "LIFRecurrent": _neuron("lif", recurrent=True),
    "IAF": _neuron("iaf"),
    "IAFSqueeze": _neuron("iaf"),
    "IAFRecurrent": _neuron("iaf", recurrent=True),
    "ALIF": _neuron("alif", 2),
    "ALIFSqueeze": _neuron("alif", 2),
    "ALIFRecurrent": _neuron("alif", 2, recurrent=True),
    "ExpLeak": _neuron("li"),
    "ExpLeakSqueeze": _neuron("li"),
    "StatefulLayer": OWN_NEURON,
    "ChannelShift": MOVED,
    "Cropping2dLayer": MOVED,
    "FlattenTime": MOVED,
    "UnflattenTime": MOVED,
    "Merge": SUMMED,
    "Repeat": CONTAINER,
    "SumPool2d": Free("a count of spikes on their way to the next layer"),
    "SpikingMaxPooling2dLayer": Refused("compares running sums of its inputs, a state that is not costed"),
    "NeuromorphicReLU": Free("a comparison and a rounding as the value is stored"),
    "QuantizeLayer": Free("a rounding as the value is stored"),
    "Img2SpikeLayer": ENCODER,
    "Sig2SpikeLayer": ENCODER,
}

_STATES: Final = ("v_mem", "i_syn", "b", "spike_threshold")


def _keeps(module: Any) -> bool:
    return descends_from(module, "sinabs", "StatefulLayer")


def _state_buffers(module: Any) -> tuple[str, ...]:
    return tuple(name for name in _STATES if name in module._buffers) if _keeps(module) else ()


def _reset(module: Any) -> None:
    """Drop the state; the next call makes one that fits its input."""
    for name in _state_buffers(module):
        kept = module._buffers[name]
        if kept is not None:
            module._buffers[name] = kept.new_zeros(0)


FRAMEWORK: Final = Framework(
    name="sinabs",
    package="sinabs",
    shelves={"sinabs.layers": LAYERS, "sinabs.network": {"Network": BLOCK}},
    rest={"sinabs.backend": Refused("made for a chip's own tools")},
    keeps=_keeps,
    reset=_reset,
    told="The states of its sinabs layers are reset before every batch.",
    state_buffers=_state_buffers,
    claims=_keeps,
    aside={"Network": ("analog_model",)},
)
