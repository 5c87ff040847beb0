"""Five architectures that run in any way and write down what enters each weight and leaves each neuron."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from profiling.book import Book, Site

CLASSES, FEATURES, SENSOR, TOKENS = 3, 12, (2, 6, 6), 5


class Net(nn.Module):
    """Layers and neurons by name, run in one way.

    Args:
        way: How it runs through time.
    """

    shape: tuple[int, ...] = (FEATURES,)

    def __init__(self, way):
        super().__init__()
        self.way, self.book = way, Book()
        self.layers, self.neurons = nn.ModuleDict(), nn.ModuleDict()
        self.states, self.last = {}, {}
        self.build()
        for name, module in list(self.layers.items()):
            self.layers[name] = way.wrapped(module)
        self.lively()

    def lively(self):
        """Weights under which most neurons fire now and then."""
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.dim() > 1:
                    scale = 2.5 / np.sqrt(np.prod(weight.shape[1:]))
                    weight.copy_(torch.randn(weight.shape) * scale)
                elif name.endswith("bias"):
                    weight.copy_(torch.randn(weight.shape) * 0.1)

    def forward(self, frames):
        self._samples = frames.shape[0] if self.way.batch_first or self.way.outer else frames.shape[1]
        if self.way.form == "B*T":
            self._samples = frames.shape[0] // self.way.steps
        output = self.way.run(self, frames)
        if self.way.outer or self.way.form == "B*T":
            return output
        return output.mean(0 if self.way.form in ("step", "TB") else 1)

    # --- parts

    def note(self, name, x):
        if self.book.open:
            self.book.note(name, x, self.way.form, self._samples)
        return x

    def layer(self, name, x):
        return self.way.over(self, self.layers[name], self.note(f"{name}.in", x))

    def fire(self, name, x):
        return self.note(f"{name}.out", self.way.fire(self, name, x))

    def free(self, name, x):
        return self.way.over(self, self.layers[name], x)

    def site(self, layer, neuron=None, **options):
        outputs = self.book[f"{neuron}.out"] if neuron else None
        module = options.pop("module", None) or self.layers[layer]
        inputs = options.pop("inputs", None)
        inputs = self.book[f"{layer}.in"] if inputs is None else inputs
        return Site(options.pop("name", f"layers.{layer}"), module, inputs, outputs, **options)

    # --- what each architecture says

    def build(self):
        raise NotImplementedError

    def step(self, x):
        raise NotImplementedError

    def sites(self):
        raise NotImplementedError

    def products(self):
        return []


class Dense(Net):
    """Two dense layers."""

    def build(self):
        self.layers["fc1"], self.neurons["n1"] = nn.Linear(FEATURES, 9, bias=False), self.way.neuron(9)
        self.layers["fc2"], self.neurons["n2"] = nn.Linear(9, CLASSES), self.way.neuron(CLASSES)

    def step(self, x):
        x = self.fire("n1", self.layer("fc1", x))
        return self.fire("n2", self.layer("fc2", x))

    def sites(self):
        return [self.site("fc1", "n1"), self.site("fc2", "n2")]


class Conv(Net):
    """Pooling stands between convolutions and their neurons."""

    shape = SENSOR

    def build(self):
        self.layers["conv1"] = nn.Conv2d(2, 4, 3, padding=1)
        self.layers["pool1"], self.neurons["n1"] = nn.AvgPool2d(2), self.way.neuron(4 * 9)
        self.layers["conv2"] = nn.Conv2d(4, 5, 2)
        self.layers["pool2"], self.neurons["n2"] = nn.MaxPool2d(2), self.way.neuron(5)
        self.layers["flat"] = nn.Flatten()
        self.layers["fc"] = nn.Linear(5, CLASSES)

    def step(self, x):
        x = self.fire("n1", self.free("pool1", self.layer("conv1", x)))
        x = self.fire("n2", self.free("pool2", self.layer("conv2", x)))
        return self.layer("fc", self.free("flat", x))

    def sites(self):
        return [
            self.site("conv1", "n1", pooled=True),
            self.site("conv2", "n2", pooled=True),
            self.site("fc"),
        ]


class Recurrent(Net):
    """Spikes come back in the next timestep."""

    def build(self):
        self.layers["fc1"] = nn.Linear(FEATURES, 7, bias=False)
        self.way.build_recurrent(self, "n1", 7, "rec")
        self.layers["fc2"], self.neurons["n2"] = nn.Linear(7, CLASSES, bias=False), self.way.neuron(CLASSES)

    def step(self, x):
        x = self.way.recurrent(self, "n1", self.layer("fc1", x), "rec")
        return self.fire("n2", self.layer("fc2", x))

    def sites(self):
        return [*recurrent_sites(self, self.neurons["n1"]), self.site("fc2", "n2")]


def recurrent_sites(net, neurons):
    """The layer before recurrent neurons and the one inside of them, whoever wrote it."""
    emitted = net.book["n1.out"]
    before = np.concatenate([np.zeros_like(emitted[:1]), emitted[:-1]])
    if "rec" in net.layers:
        return [net.site("fc1", "n1"), net.site("rec")]
    match type(neurons).__name__:
        case "RLeaky":
            return [net.site("fc1", "n1"), _inner(net, "recurrent", neurons.recurrent, before)]
        case "LIFRecurrent" if hasattr(
            neurons, "rec_connect"
        ):  # it also computes what nobody reads, at the end
            return [net.site("fc1", "n1"), _inner(net, "rec_connect", neurons.rec_connect, emitted)]
        case "LinearRecurrentContainer":
            both = np.concatenate([net.book["n1.x"], before], -1)
            inner = net.site("rc", "n1", module=neurons.rc, name="neurons.n1.rc", inputs=both)
            return [net.site("fc1"), inner]
        case _:  # Norse: weights on its input and on its spikes; its neurons are theirs
            entered = net.book["n1.x"]
            weights = {name: weight.detach().numpy().copy() for name, weight in neurons.named_parameters()}
            from profiling.twin import Weights

            return [
                net.site("fc1"),
                Site("neurons.n1.input_weights", Weights(weights["input_weights"]), entered, emitted),
                Site("neurons.n1.recurrent_weights", Weights(weights["recurrent_weights"]), before),
            ]


def _inner(net, name, module, before):
    return net.site(name, module=module, name=f"neurons.n1.{name}", inputs=before)


class Residual(Net):
    """A sum of spikes enters the last layer."""

    def build(self):
        self.layers["fc1"], self.neurons["n1"] = nn.Linear(FEATURES, 8), self.way.neuron(8)
        self.layers["fc2"], self.neurons["n2"] = nn.Linear(8, 8, bias=False), self.way.neuron(8)
        self.layers["fc3"], self.neurons["n3"] = nn.Linear(8, 8, bias=False), self.way.neuron(8)
        self.layers["fc4"] = nn.Linear(8, CLASSES)

    def step(self, x):
        x = self.fire("n1", self.layer("fc1", x))
        x = self.fire("n2", self.layer("fc2", x)) + x
        x = self.fire("n3", self.layer("fc3", x) + x)
        return self.layer("fc4", x)

    def sites(self):
        return [
            self.site("fc1", "n1"),
            self.site("fc2", "n2"),
            self.site("fc3", "n3"),
            self.site("fc4"),
        ]


class Attention(Net):
    """Queries, keys and values of spikes over tokens: `(queries keys) values`, and no softmax."""

    shape = (TOKENS, FEATURES)

    def build(self):
        for name in ("q", "k", "v"):
            self.layers[name] = nn.Linear(FEATURES, 6, bias=False)
            self.neurons[f"n{name}"] = self.way.neuron(TOKENS * 6)
        self.neurons["na"] = self.way.neuron(TOKENS * 6)
        self.layers["proj"], self.neurons["np"] = nn.Linear(6, 6), self.way.neuron(TOKENS * 6)
        self.layers["head"] = nn.Linear(6, CLASSES)

    def step(self, x):
        q, k, v = (self.fire(f"n{name}", self.layer(name, x)) for name in ("q", "k", "v"))
        scores = self.note("scores", q @ k.transpose(-2, -1))
        x = self.fire("na", (scores @ v) * 0.25)
        x = self.fire("np", self.layer("proj", x))
        return self.layer("head", x.mean(-2))

    def sites(self):
        options = {"places": 1, "out_places": 1}
        return [
            *(self.site(name, f"n{name}", **options) for name in ("q", "k", "v")),
            self.site("proj", "np", **options),
            self.site("head"),
        ]

    def products(self):
        keys, values = self.book["nk.out"].swapaxes(-1, -2), self.book["nv.out"]
        return [(self.book["nq.out"], keys), (self.book["scores"], values)]


ARCHITECTURES = {
    "dense": Dense,
    "conv, pooled before the neuron": Conv,
    "recurrent": Recurrent,
    "residual": Residual,
    "attention": Attention,
}


def frames(net, samples, steps, seed=0, density=0.3):
    """Spikes `(time, samples, ...)`."""
    rng = np.random.default_rng(seed)
    return (rng.random((steps, samples, *net.shape)) < density).astype(np.float32)


def given(net, spikes):
    """Frames as the network takes them in one call, and as `profile` does."""
    turned = spikes.swapaxes(0, 1) if net.way.batch_first else spikes
    return np.ascontiguousarray(turned)


def written_down(net, spikes):
    """Run the network once over all samples, as its framework would, and let it write down what happens."""
    from spareto.frameworks import reset_state

    net.eval()
    reset_state(net)
    tensor = torch.from_numpy(given(net, spikes))
    net.book.clear()
    net.book.open = True
    with torch.no_grad():
        if net.way.outer:
            for now in tensor:
                net(now)
            net.last.clear()
        else:
            net(tensor.flatten(0, 1) if net.way.form == "B*T" else tensor)
    net.book.open = False
    reset_state(net)
    return net.sites(), net.products()
