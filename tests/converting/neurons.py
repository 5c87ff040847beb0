"""Every neuron of docs/neurons.md in a network of its framework, as that framework's users write it."""

from __future__ import annotations

import re

import torch
from torch import nn

from conventions import built, peer, table
from profiling import ways

FRAMEWORKS = ("snnTorch", "SpikingJelly", "Norse", "sinabs")
PACKAGES = {"snnTorch": "snntorch", "SpikingJelly": "spikingjelly", "Norse": "norse", "sinabs": "sinabs"}
LEFT_OUT = ("ALIF(",)
"""Neurons that are not converted: sinabs' adaptive threshold lets no gradient through."""


def rows(framework):
    """Neurons of a framework, as code."""
    return [code for code in table(framework) if not code.startswith(LEFT_OUT)]


def names_of(framework):
    """What the code of a framework's neurons may name."""
    if framework == "snnTorch":
        return (peer("snntorch"),)
    if framework == "SpikingJelly":
        base = "spikingjelly.activation_based"
        return peer(f"{base}.neuron"), peer(f"{base}.surrogate"), peer(f"{base}.layer")
    if framework == "Norse":
        reset = peer("norse.torch.functional.reset")
        return peer("norse.torch"), torch, reset, peer("norse.torch.functional.lif_box")
    return peer("sinabs.layers"), peer("sinabs.activation"), torch


class SnnTorchWay(ways.SnnTorchHiddenLoop):
    """snnTorch, states kept, the loop inside."""

    def __init__(self, code):
        super().__init__()
        self.code, self.names = code, names_of("snnTorch")

    def neuron(self, features):
        return built(self.code[:-1] + ", init_hidden=True)", *self.names)

    def build_recurrent(self, net, name, features, layer):
        code = f"R{self.code[:-1]}, linear_features={features}, init_hidden=True)"
        net.neurons[name] = built(code, *self.names)


class JellyWay(ways.JellyMulti):
    """SpikingJelly, multi-step."""

    def __init__(self, code):
        super().__init__()
        self.code, self.names = code, names_of("SpikingJelly")

    def neuron(self, features):
        return self._made("m")

    def _made(self, mode):
        separator = "" if self.code.endswith("()") else ", "
        return built(f"{self.code[:-1]}{separator}step_mode='{mode}')", *self.names)

    def build_recurrent(self, net, name, features, layer):
        net.neurons[name] = self.lib.layer.LinearRecurrentContainer(
            self._made("s"), features, features, step_mode="m"
        )


class NorseWay(ways.NorseLoop):
    """Norse, cells in a loop; a box neuron is fed back by hand."""

    def __init__(self, code):
        super().__init__()
        self.code, self.names = code, names_of("Norse")

    def neuron(self, features):
        return built(self.code, *self.names)

    def build_recurrent(self, net, name, features, layer):
        if self.code.startswith("LIFBox"):
            ways.Way.build_recurrent(self, net, name, features, layer)
            return
        code = self.code.replace("LIFCell(", f"LIFRecurrentCell({features}, {features}, p=")
        net.neurons[name] = built(code, *self.names)

    def recurrent(self, net, name, x, layer):
        if layer in net.layers:
            return ways.Way.recurrent(self, net, name, x, layer)
        return super().recurrent(net, name, x, layer)


class SinabsWay(ways.SinabsPlain):
    """sinabs, batch and time."""

    def __init__(self, code):
        super().__init__()
        self.code, self.names = code, names_of("sinabs")

    def neuron(self, features):
        return built(self.code, *self.names)

    def build_recurrent(self, net, name, features, layer):
        kind = self.code.partition("(")[0]
        connect = nn.Linear(features, features)
        code = self.code.replace(f"{kind}(", f"(lambda **o: {kind}Recurrent(rec_connect=connect, **o))(")
        names = [*self.names, type("Connect", (), {"connect": connect})]
        net.neurons[name] = built(code, *names)


WAYS = {"snnTorch": SnnTorchWay, "SpikingJelly": JellyWay, "Norse": NorseWay, "sinabs": SinabsWay}


def strength(framework, code):
    """How strong weights must be: neurons that scale their currents need more."""
    name, options = table(framework)[code]
    if name == "iaf" or "gain=1" in options or "neuron='iaf'" in options.replace('"', "'"):
        return 1.0
    return 2.0 if "tau=2" in options else 4.0


def in_sixteenths(network, strength=1.0):
    """Weights that are short binary fractions: sums are exact, and potentials often equal the threshold."""
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if re.search(r"weight|bias", name):
                weight.copy_(torch.round(weight * strength * 16) / 16)
