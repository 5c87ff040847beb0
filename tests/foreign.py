"""Small networks as users of other frameworks write them: twelve features in, five classes out."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

FEATURES, CLASSES, STEPS, SAMPLES = 12, 5, 6, 20


def frames(steps: int = STEPS, samples: int = SAMPLES, seed: int = 0) -> np.ndarray:
    """Frames `(time, samples, features)`, two features louder for each class."""
    made = np.random.default_rng(seed).random((steps, samples, FEATURES), np.float32)
    for sample, label in enumerate(labels(samples)):
        made[:, sample, 2 * label : 2 * label + 2] += 1.5
    return made


def labels(samples: int = SAMPLES) -> np.ndarray:
    """Every class in turn."""
    return np.arange(samples) % CLASSES


def seeded(make):
    """What `make` makes, with the same weights every time, large enough to spike."""
    torch.manual_seed(3)
    network = make()
    for module in network.modules():
        if isinstance(module, nn.Linear):
            module.weight.data *= 4
    return network


class SnnTorchLoop(nn.Module):
    """snnTorch's tutorials: a loop over timesteps inside `forward`.

    Args:
        axis: The axis of time.
        form: What it returns.
    """

    def __init__(self, axis: int = 0, form: str = "spikes") -> None:
        import snntorch as snn

        super().__init__()
        self.fc1, self.lif1 = nn.Linear(FEATURES, 16), snn.Leaky(beta=0.9)
        self.fc2, self.lif2 = nn.Linear(16, CLASSES), snn.Leaky(beta=0.9)
        self.axis, self.form = axis, form

    def forward(self, x):
        mem1, mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
        spikes, potentials = [], []
        for now in x.unbind(self.axis):
            spike, mem1 = self.lif1(self.fc1(now), mem1)
            spike, mem2 = self.lif2(self.fc2(spike), mem2)
            spikes.append(spike)
            potentials.append(mem2)
        return self.formed(spikes, potentials)

    def formed(self, spikes, potentials):
        match self.form:
            case "spikes":
                return torch.stack(spikes)
            case "samples first":
                return torch.stack(spikes, 1)
            case "tuple":
                return torch.stack(spikes), torch.stack(potentials)
            case "dict":
                return {"spk": torch.stack(spikes), "mem": torch.stack(potentials)}
            case "list":
                return spikes
            case "mean":
                return torch.stack(spikes).mean(0)
            case "plane":
                return torch.stack(spikes).mean(0)[..., None, None]
            case "with a state":
                return torch.stack(spikes), potentials[:2]


def snntorch_hidden():
    """snnTorch's Sequential: one timestep a call, states inside."""
    import snntorch as snn

    return nn.Sequential(
        nn.Linear(FEATURES, 16),
        snn.Leaky(beta=0.9, init_hidden=True),
        nn.Linear(16, CLASSES),
        snn.Leaky(beta=0.9, init_hidden=True, output=True),
    )


def spikingjelly(mode: str):
    """SpikingJelly, single-step or multi-step."""
    from spikingjelly.activation_based import functional, layer, neuron

    network = nn.Sequential(
        layer.Linear(FEATURES, 16), neuron.LIFNode(), layer.Linear(16, CLASSES), neuron.LIFNode()
    )
    functional.set_step_mode(network, mode)
    return network


class SpikingJellyOfPictures(nn.Module):
    """SpikingJelly's CSNN: a picture in, repeated over time inside."""

    def __init__(self, steps: int = 4) -> None:
        super().__init__()
        self.network, self.steps = spikingjelly("m"), steps

    def forward(self, x):
        return self.network(x.unsqueeze(0).repeat(self.steps, *([1] * x.dim()))).mean(0)


def norse_lifted():
    """Norse over all timesteps."""
    import norse.torch as norse

    return norse.SequentialState(
        norse.Lift(nn.Linear(FEATURES, 16)), norse.LIF(), norse.Lift(nn.Linear(16, CLASSES)), norse.LI()
    )


def norse_cells():
    """Norse one timestep a call, the state handed out and in."""
    import norse.torch as norse

    return norse.SequentialState(
        nn.Linear(FEATURES, 16), norse.LIFCell(), nn.Linear(16, CLASSES), norse.LICell()
    )


def sinabs():
    """sinabs on `(batch, time, ...)`."""
    import sinabs.layers as layers

    return nn.Sequential(
        nn.Linear(FEATURES, 16),
        layers.LIF(tau_mem=10.0, norm_input=False),
        nn.Linear(16, CLASSES),
        layers.LIF(tau_mem=10.0, norm_input=False),
    )


def sinabs_squeezed(**options):
    """sinabs on batch and time merged."""
    import sinabs.layers as layers

    return nn.Sequential(
        nn.Linear(FEATURES, 16),
        layers.IAFSqueeze(**options),
        nn.Linear(16, CLASSES),
        layers.IAFSqueeze(**options),
    )


class ByHand(nn.Module):
    """A neuron written out in `forward`, its potential an attribute.

    Args:
        keeps: It goes on from where the call before ended.
    """

    def __init__(self, keeps: bool = False) -> None:
        super().__init__()
        self.fc, self.keeps, self.mem = nn.Linear(FEATURES, CLASSES), keeps, None

    def forget(self):
        self.mem = None

    def forward(self, x):
        mem = self.mem if self.keeps and self.mem is not None else torch.zeros(x.shape[1], CLASSES)
        total = 0
        for now in x:
            mem = 0.9 * mem + 0.05 * self.fc(now)
            spike = torch.sigmoid(4 * mem - 1)
            mem = mem - spike
            total = total + spike
        self.mem = mem
        return total


NETWORKS = {
    "snntorch loop": (SnnTorchLoop, {"vote": "mean"}),
    "snntorch loop, samples first": (lambda: SnnTorchLoop(axis=1), {"vote": "mean"}),
    "snntorch calls": (snntorch_hidden, {"vote": "mean", "output": 0}),
    "spikingjelly multi-step": (lambda: spikingjelly("m"), {"vote": "mean"}),
    "spikingjelly single-step": (lambda: spikingjelly("s"), {"vote": "mean"}),
    "norse sequence": (norse_lifted, {"vote": "max"}),
    "norse cells": (norse_cells, {"vote": "max"}),
    "sinabs": (sinabs, {"vote": "sum"}),
    "sinabs squeezed, steps": (lambda: sinabs_squeezed(num_timesteps=STEPS), {"vote": "sum"}),
    "sinabs squeezed, samples": (lambda: sinabs_squeezed(batch_size=4), {"vote": "sum"}),
    "by hand": (ByHand, {}),
}
FEEDS = {
    "snntorch loop": "time-batch",
    "snntorch loop, samples first": "batch-time",
    "snntorch calls": "calls",
    "spikingjelly multi-step": "time-batch",
    "spikingjelly single-step": "calls",
    "norse sequence": "time-batch",
    "norse cells": "calls",
    "sinabs": "batch-time",
    "sinabs squeezed, steps": "batch-time",
    "sinabs squeezed, samples": "batch-time",
    "by hand": "time-batch",
}
