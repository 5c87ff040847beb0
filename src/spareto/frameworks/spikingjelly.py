"""SpikingJelly: `step_mode` says what a call is given; what is kept lies in `_memories`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from spareto.frameworks._rows import (
    BLOCK,
    CONTAINER,
    ENCODER,
    MOVED,
    NOT_INFERENCE,
    OWN_NEURON,
    SCALED,
    SURROGATE,
    Axes,
    Counted,
    Framework,
    Free,
    NeuronFacts,
    Refused,
    Row,
    Wraps,
    descends_from,
)
from spareto.frameworks._updates import neuron

_ROOT: Final = "spikingjelly.activation_based"


def _axes(module: Any) -> Axes:
    return "time-batch" if getattr(module, "step_mode", "m") == "m" else "one step"


def _node(kind: str, states: int = 1, **others: Any) -> Callable[[Any], NeuronFacts]:
    return lambda module: neuron(kind, _axes(module), states=states, **others)


def _parallel(module: Any) -> NeuronFacts:
    """Every output weighs several timesteps: all of them, or the last `k`."""
    taps = int(module.T if not hasattr(module, "k") else module.k)
    steps = getattr(module, "T", None)
    return neuron("psn", _axes(module), states=taps, steps=steps)


def _gated(module: Any) -> NeuronFacts:
    return neuron("glif", "time-batch", steps=int(module.T))


def _normed(module: Any) -> NeuronFacts:
    """Its batch norm of the membrane costs a product and a sum until it is folded into the threshold."""
    folded = type(module.vbn).__name__ == "Identity"
    return neuron("lif" if folded else "mpbn_lif", _axes(module))


def _noisy(kind: str, states: int, **others: Any) -> Callable[[Any], NeuronFacts | Refused]:
    def facts(module: Any) -> NeuronFacts | Refused:
        if module.is_training:
            return Refused("adds noise to its potential while is_training is set")
        return neuron(kind, "time-batch", states=states, steps=int(module.T), **others)

    return facts


_INTEGRATOR: Final[dict[str, Any]] = {"fires": False, "counts": True}
_CONVERTED = Refused("made by a conversion from a network without spikes; one call stands for many timesteps")

NEURONS: Final[dict[str, Row]] = {
    **dict.fromkeys(("IFNode", "SimpleIFNode", "HalfThresholdIFNode", "ActivationAwareIFNode"), _node("iaf")),
    **dict.fromkeys(("LIFNode", "SimpleLIFNode", "OTTTLIFNode", "SLTTLIFNode"), _node("lif")),
    "ParametricLIFNode": _node("plif"),
    "ILIFNode": _node("lif", counts=True),
    "LIAFNode": _node("liaf", counts=True),
    "KLIFNode": _node("klif"),
    "CUBALIFNode": _node("synaptic", 2),
    "ComplementaryLIFNode": _node("clif", 2),
    "GatedLIFNode": _gated,
    "MPBNLIFNode": _normed,
    "QIFNode": _node("qif"),
    "EIFNode": _node("eif"),
    "IzhikevichNode": _node("izhikevich", 2),
    "RAFNode": _node("raf", 2),
    "TernaryIFNode": _node("ternary_if", counts=True),
    "TernaryLIFNode": _node("ternary_lif", counts=True),
    "STBIFNode": _node("st_bif", 2, counts=True),
    "DSRIFNode": _node("iaf", counts=True),
    "DSRLIFNode": _node("lif", counts=True),
    **dict.fromkeys(("PSN", "MaskedPSN", "SlidingPSN"), _parallel),
    "ILCIFNode": _node("iaf", products=True),
    "ILCLIFNode": _node("lif", products=True),
    "ILCCUBALIFNode": _node("synaptic", 2, products=True),
    "NoisyCUBALIFNode": _noisy("synaptic", 2),
    "NoisyILCCUBALIFNode": _noisy("synaptic", 2, products=True),
    "NoisyNonSpikingIFNode": _noisy("integrator", 1, **_INTEGRATOR),
    "NonSpikingIFNode": _node("integrator", **_INTEGRATOR),
    "NonSpikingLIFNode": _node("li", **_INTEGRATOR),
    "FlexSN": Refused("runs a function of yours, whose operations nobody knows"),
    **dict.fromkeys(("FewSpikeNode", "HGNode", "OutlierAwareThresholdNode"), _CONVERTED),
    **dict.fromkeys(
        (
            *("BaseNode", "SimpleBaseNode", "NonSpikingBaseNode", "AdaptBaseNode", "MPBNBaseNode"),
            *("ILCBaseNode", "NoisyBaseNode", "NoisyILCBaseNode", "NoisyNonSpikingBaseNode"),
        ),
        OWN_NEURON,
    ),
}

_PLANES: Final = ("1d", "2d", "3d")
_NORM = Free("folded into each channel's threshold and bias")


def _planes(row: Row, *stems: str) -> dict[str, Row]:
    return {stem + plane: row for stem in stems for plane in _PLANES}


LAYERS: Final[dict[str, Row]] = {
    **_planes(Counted(), "Conv", "ConvTranspose"),
    **dict.fromkeys(("Linear", "WSConv2d", "WSLinear"), Counted()),
    **_planes(Wraps(), "MaxPool", "AvgPool", "AdaptiveAvgPool", "MaxUnpool", "BatchNorm"),
    **dict.fromkeys(("Flatten", "GroupNorm", "Upsample"), Wraps()),
    **_planes(_NORM, "ThresholdDependentBatchNorm", "TemporalEffectiveBatchNorm", "BatchNormThroughTime"),
    "_BatchNormThroughTimeBase": _NORM,
    "_TemporalEffectiveBatchNormBase": _NORM,
    "_ThresholdDependentBatchNormBase": _NORM,
    "NeuNorm": Refused("keeps a running sum of every pixel, which is not costed"),
    "Dropout": Free("absent at inference"),
    "Dropout2d": Free("absent at inference"),
    "DropConnectLinear": Refused("draws its output at random at inference"),
    **dict.fromkeys(
        (
            *("MultiStepContainer", "SeqToANNContainer", "TLastMultiStepContainer", "TLastSeqToANNContainer"),
            *("StepModeContainer", "ElementWiseRecurrentContainer", "LinearRecurrentContainer"),
            "OTTTSequential",
        ),
        CONTAINER,
    ),
    "SynapseFilter": _node("li", **_INTEGRATOR),
    "VotingLayer": Free("a mean of votes; its factor changes no answer"),
    "Delay": MOVED,
    "SpikeCountToBinary": MOVED,
    "TemporalBinSum": Free("a count of spikes on their way to the next layer"),
    "PrintShapeModule": Free("no operation"),
    "GradwithTrace": CONTAINER,
    "SpikeTraceOp": CONTAINER,
}

RECURRENT: Final[dict[str, Row]] = {
    "SpikingLSTMCell": neuron("spiking_lstm", "one step", states=2, products=True, counts=True),
    "SpikingGRUCell": neuron("spiking_gru", "one step", products=True, counts=True),
    "SpikingVanillaRNNCell": neuron("spiking_rnn", "one step", states=0, products=True),
    "SpikingRNNCellBase": OWN_NEURON,
}

_EXPORTED = Refused("made for a chip's own tools")


def _keeps(module: Any) -> bool:
    return bool(getattr(module, "_memories", None)) and descends_from(module, "spikingjelly", "MemoryModule")


def _reset(module: Any) -> None:
    module.reset()


FRAMEWORK: Final = Framework(
    name="SpikingJelly",
    package="spikingjelly",
    shelves={
        f"{_ROOT}.neuron": NEURONS,
        f"{_ROOT}.layer": LAYERS,
        f"{_ROOT}.rnn": RECURRENT,
        f"{_ROOT}.base": {"MemoryModule": OWN_NEURON},
        f"{_ROOT}.ann2snn": {"VoltageScaler": SCALED, "ChannelVoltageScaler": SCALED},
    },
    rest={
        f"{_ROOT}.surrogate": SURROGATE,
        f"{_ROOT}.encoding": ENCODER,
        f"{_ROOT}.layer": BLOCK,
        f"{_ROOT}.rnn": CONTAINER,
        f"{_ROOT}.model": BLOCK,
        f"{_ROOT}.model.spike_dhs": Refused("a search over networks, not one network"),
        f"{_ROOT}.examples": BLOCK,
        f"{_ROOT}.functional": NOT_INFERENCE,
        f"{_ROOT}.learning": NOT_INFERENCE,
        f"{_ROOT}.memopt": CONTAINER,
        f"{_ROOT}.ann2snn": _CONVERTED,
        f"{_ROOT}.ann2snn.sample_models": BLOCK,
        f"{_ROOT}.distributed": Refused("a share of a layer that several processes hold"),
        f"{_ROOT}.precision": Refused("runs in 8-bit floats of its own"),
        f"{_ROOT}.quantize": Refused("quantizes with a scheme of its own"),
        f"{_ROOT}.lava_exchange": _EXPORTED,
        f"{_ROOT}.lynxi_exchange": _EXPORTED,
        f"{_ROOT}.nir_exchange": _EXPORTED,
        "spikingjelly.timing_based": Refused("computes the times of spikes, not timesteps"),
    },
    keeps=_keeps,
    reset=_reset,
    told="The memories of its SpikingJelly modules are reset before every batch.",
)
