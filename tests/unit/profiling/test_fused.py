"""A profile that counts the kernels' bits against one that runs every layer child by child."""

import pytest
import torch
from torch import nn

from spareto import kernels
from spareto.kernels.library import backend
from spareto.layers import decisions_of
from spareto.layers.residual import Residual
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.networks import build
from spareto.neurons import registry as neurons
from spareto.profiling import profile
from spareto.profiling import profiler as profiler_module
from spareto.profiling.witness import Witness

pytestmark = pytest.mark.skipif(backend() != "c", reason="the C kernels are not the backend")
TIME, SAMPLES, SENSOR = 5, 7, (2, 12, 12)


class Chain(nn.Module):
    """Layers one after the other, and rates."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, frames):
        return kernels.dense(self.layers(frames)).flatten(2).mean(0)


class Shortcut(nn.Module):
    """A membrane shortcut: what enters is added to the currents."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, sequence):
        return self.block(sequence, sequence)


def block(inputs, outputs, kernel=3, *, norm=True, pool=None, neuron="lif", conv=None, **options):
    conv = conv or {"padding": kernel // 2}
    return SpikingBlock(
        nn.Conv2d(inputs, outputs, kernel, **conv),
        nn.BatchNorm2d(outputs) if norm else None,
        neurons.make(neuron, **options),
        pool,
    )


def dense(inputs, outputs, neuron="lif", **options):
    return SpikingDense(nn.Linear(inputs, outputs), neurons.make(neuron, **options), dropout=nn.Dropout())


NETWORKS = {
    "conv": lambda: build("conv", sensor=SENSOR, classes=3, channels=(5, 6), votes=2),
    "dense": lambda: build("dense", sensor=SENSOR, classes=3, hidden=(30,), votes=2, batch_norm=False),
    "attention": lambda: build("tcja", sensor=(2, 32, 32), classes=3, channels=(8,) * 5, timesteps=TIME),
    "max pooled": lambda: Chain(block(2, 70, pool=nn.MaxPool2d(2)), block(70, 4, pool=nn.MaxPool2d((3, 2)))),
    "averaged": lambda: Chain(block(2, 6, pool=nn.AvgPool2d(2)), block(6, 4, pool=nn.AdaptiveAvgPool2d(1))),
    "overlapping": lambda: Chain(block(2, 6, pool=nn.MaxPool2d(3, 2)), block(6, 4), dense(100, 9)),
    "odd windows": lambda: Chain(block(2, 6, pool=nn.MaxPool2d(5)), block(6, 3, pool=nn.AvgPool2d(2))),
    "no norms": lambda: Chain(block(2, 6, norm=False), block(6, 4, 1, norm=False), dense(576, 5)),
    "strided, grouped": lambda: Chain(
        block(2, 8, conv={"stride": 2}), block(8, 8, conv={"groups": 4}), block(8, 8, conv={"groups": 8})
    ),
    "padded by reflection": lambda: Chain(
        block(2, 4, conv={"padding": 1, "padding_mode": "reflect"}), block(4, 4)
    ),
    "residual": lambda: Chain(
        block(2, 4), *(Residual(block(4, 4), connect=c) for c in ("add", "and", "iand"))
    ),
    "membrane shortcut": lambda: Chain(block(2, 4), Shortcut(block(4, 4)), block(4, 3)),
    "recurrent": lambda: Chain(block(2, 4, 5), dense(576, 12, "recurrent", features=12), dense(12, 6)),
    "delayed": lambda: Chain(
        block(2, 4, reset="subtract_delayed"), dense(576, 6, "alif", reset="zero_delayed")
    ),
    "quantized": lambda: Chain(block(2, 4, neuron="quantized_state"), dense(576, 6, "quantized_membrane")),
    "counts": lambda: Chain(block(2, 4, neuron="multi_spike"), dense(576, 6)),
    "synaptic": lambda: Chain(block(2, 4, neuron="synaptic"), dense(576, 6, "plif")),
    "one layer twice": lambda: Chain(block(2, 4), *([block(4, 4)] * 2), dense(576, 5)),
    "silent": lambda: Chain(block(2, 4, v_threshold=1e9), dense(576, 6)),
}


def exact(network):
    """Weights in eighths and norms that change nothing: whatever way they are summed, the same spikes."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.dim() > 1:
                scale = 2.0 / parameter[0].numel() ** 0.5
                parameter.copy_((torch.randn(parameter.shape) * scale * 8 + 0.5).round() / 8)
            elif name.endswith("bias"):
                parameter.zero_()
    return network


def frames_of(network, values):
    sensor = getattr(network, "sensor", SENSOR)
    drawn = torch.rand(TIME, SAMPLES, *sensor, generator=torch.Generator().manual_seed(1))
    return (drawn < 0.3).float() * (1.0 if values == "spikes" else (drawn * 32).ceil())


def both(network, frames, monkeypatch, **options):
    labels = [0] * SAMPLES
    fused = profile(network, frames, labels, layout="time-first", batch_size=3, **options)
    ways = {name: decision.way for name, decision in decisions_of(network).items()}
    monkeypatch.setattr(profiler_module, "fused_layers", lambda *_: {})
    slow = profile(network, frames, labels, layout="time-first", batch_size=3, **options)
    assert {decision.way for decision in decisions_of(network).values()} == {"reference"}
    return fused, slow, ways


@pytest.mark.parametrize("values", ["spikes", "numbers"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_count_is_that_of_the_layers_run_child_by_child(name, values, monkeypatch):
    network = exact(NETWORKS[name]())
    fused, slow, ways = both(network, frames_of(network, values), monkeypatch)
    assert fused.workload == slow.workload
    assert fused.accuracy == slow.accuracy
    if name not in ("counts", "one layer twice"):
        assert set(ways.values()) & {"events", "dense"}, ways


def test_a_witness_is_shown_the_same(monkeypatch):
    network = exact(NETWORKS["max pooled"]())
    shown = []
    for patch in (False, True):
        if patch:
            monkeypatch.setattr(profiler_module, "fused_layers", lambda *_: {})
        witness = Witness()
        profile(network, frames_of(network, "spikes"), [0] * SAMPLES, layout="time-first", witness=witness)
        shown.append({name: dict(states.seen) for name, states in witness.states.items()})
    assert shown[0] == shown[1]


def test_hooks_on_a_part_are_called(monkeypatch):
    network = exact(NETWORKS["conv"]())
    part = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    part.register_forward_hook(lambda module, inputs, output: output * 0.5)
    fused, slow, ways = both(network, frames_of(network, "spikes"), monkeypatch)
    assert fused.workload == slow.workload
    assert next(iter(ways.values())) == "reference"
    assert set(list(ways.values())[1:]) == {"events"}


def test_a_network_that_reads_spikes_as_a_tensor_is_run_child_by_child():
    class Reads(Chain):
        def forward(self, frames):
            return self.layers(frames).reshape(TIME, frames.shape[1], -1).mean(0)

    network = exact(Reads(block(2, 4), block(4, 3)))
    assert profile(network, frames_of(network, "spikes"), layout="time-first").workload.layers
