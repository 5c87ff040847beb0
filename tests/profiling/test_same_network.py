"""The same network in our neurons and in four frameworks: one workload, and one energy to the bit."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from spareto import hardware, recipes
from spareto.compression import compress
from spareto.neurons.lif import LIF
from spareto.profiling import profile

T, N, SENSOR, CLASSES = 5, 9, (2, 6, 6), 3


class Net(nn.Module):
    """A convolution pooled before its neurons, and two dense layers."""

    def __init__(self, make):
        super().__init__()
        self.conv, self.n1 = nn.Conv2d(2, 4, 3, padding=1, bias=False), make()
        self.fc1, self.n2 = nn.Linear(36, 7, bias=False), make()
        self.fc2, self.n3 = nn.Linear(7, CLASSES), make()
        self.pool = nn.AvgPool2d(2)


class Whole(Net):
    """All timesteps a call: ours, SpikingJelly's multi-step mode, `(T, B, ...)`."""

    time_axis = 0

    def forward(self, x):
        shape = x.shape[:2]
        x = self.fire(self.n1, self.pool(self.conv(x.flatten(0, 1))).unflatten(0, shape))
        x = self.fire(self.n2, self.fc1(x.flatten(2)))
        return self.fire(self.n3, self.fc2(x)).mean(self.time_axis)

    def fire(self, neurons, x):
        return neurons(x)


class BatchFirst(Whole):
    """sinabs: `(B, T, ...)`."""

    time_axis = 1


class Stepped(Net):
    """A loop over timesteps, with states passed by hand."""

    def forward(self, x):
        states, outputs = {}, []
        for now in x:
            now = self.fire("n1", self.pool(self.conv(now)), states)
            now = self.fire("n2", self.fc1(now.flatten(1)), states)
            outputs.append(self.fire("n3", self.fc2(now), states))
        return torch.stack(outputs).mean(0)


class SnnTorch(Stepped):
    def fire(self, name, x, states):
        neurons = getattr(self, name)
        spikes, states[name] = neurons(x, states.get(name, neurons.init_leaky()))
        return spikes


class Norse(Stepped):
    def fire(self, name, x, states):
        spikes, states[name] = getattr(self, name)(x, states.get(name))
        return spikes


class SingleStep(Stepped):
    """SpikingJelly's single-step mode: neurons keep their states, which are reset before every batch."""

    def fire(self, name, x, states):
        return getattr(self, name)(x)


def ours():
    return Whole(lambda: LIF(beta=0.5, gain=1.0, v_threshold=0.6, reset="zero"))


def snntorch():
    snn = pytest.importorskip("snntorch", reason="snnTorch is not installed")
    options = {"beta": 0.5, "threshold": 0.6, "reset_mechanism": "zero", "reset_delay": False}
    return SnnTorch(lambda: snn.Leaky(**options))


def spikingjelly(mode="m"):
    pytest.importorskip("spikingjelly", reason="SpikingJelly is not installed")
    from spikingjelly.activation_based import neuron

    options = {"tau": 2.0, "decay_input": False, "v_threshold": 0.6, "v_reset": 0.0, "step_mode": mode}
    return (Whole if mode == "m" else SingleStep)(lambda: neuron.LIFNode(**options))


def norse():
    """It halves its input, so half the threshold gives the same spikes."""
    lib = pytest.importorskip("norse.torch", reason="Norse is not installed")
    from norse.torch.functional.lif_box import LIFBoxParameters

    parameters = LIFBoxParameters(tau_mem_inv=torch.as_tensor(500.0), v_th=torch.as_tensor(0.3))
    return Norse(lambda: lib.LIFBoxCell(p=parameters, dt=0.001))


def sinabs():
    layers = pytest.importorskip("sinabs.layers", reason="sinabs is not installed")
    from sinabs.activation import MembraneReset, SingleSpike

    options = {
        "tau_mem": 1 / math.log(2),
        "spike_threshold": torch.as_tensor(0.6),
        "spike_fn": SingleSpike,
        "reset_fn": MembraneReset(),
        "norm_input": False,
    }
    return BatchFirst(lambda: layers.LIF(**options))


MAKERS = {
    "ours": ours,
    "snnTorch": snntorch,
    "SpikingJelly": spikingjelly,
    "SpikingJelly, single-step": lambda: spikingjelly("s"),
    "Norse": norse,
    "sinabs": sinabs,
}


def with_weights(net):
    """Equal weights in every framework: sixteenths, so that sums are exact in any order."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in (net.conv, net.fc1, net.fc2):
            for weight in layer.parameters():
                weight.copy_(torch.randint(-12, 20, weight.shape, generator=generator) / 16)
    return net


def workload(net, frames, **options):
    batch_first = isinstance(net, BatchFirst)
    given = np.ascontiguousarray(frames.swapaxes(0, 1)) if batch_first else frames
    options["layout"] = "batch-first" if batch_first else "time-first"
    if type(net) is Whole and isinstance(net.n1, LIF):
        options["time"] = "time-batch"
    return profile(net, given, np.zeros(N, int), **options).workload


def stripped(found):
    """What two frameworks may say differently: how the network was run, and names of free classes."""
    return found.model_copy(update={"notes": (), "free": ()})


def frames():
    return (np.random.default_rng(0).random((T, N, *SENSOR)) < 0.25).astype(np.float32)


@pytest.mark.parametrize("compressed", [False, True], ids=["as it is", "4 bits, half pruned"])
@pytest.mark.parametrize("framework", [name for name in MAKERS if name != "ours"])
def test_workload_and_energy_are_the_same(framework, compressed):
    found = {}
    for name in ("ours", framework):
        net = with_weights(MAKERS[name]()).eval()
        if compressed:
            net = compress(net, recipes.joint(4, 0.5, quantizer="power_of_two")).eval()
        found[name] = workload(net, frames())
    mine, theirs = stripped(found["ours"]), stripped(found[framework])
    assert all(0 < layer.output.nonzero_mean < T * layer.output.size for layer in mine.layers)
    for own, other in zip(mine.layers, theirs.layers, strict=True):
        for field in type(own).model_fields:
            assert getattr(own, field) == getattr(other, field), f"{own.name}.{field}"
    assert mine == theirs
    for name in ("eyeriss_like", "loihi_like", "edge_gpu", "sne_like", "spinalflow_like"):
        accelerator = hardware.load_accelerator(name)
        assert hardware.cost(theirs, accelerator).energy_pj == hardware.cost(mine, accelerator).energy_pj
