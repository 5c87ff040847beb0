"""Networks that write down what enters each weight, and how they are run, profiled and held to the twin."""

import numpy as np
import torch
from torch import nn

from profiling.book import Book
from profiling.ways import Spike
from spareto.profiling import profile


class Noting(nn.Module):
    """A network that writes down what enters each weight."""

    def __init__(self):
        super().__init__()
        self.book = Book()

    def note(self, name, x, form="step", samples=0):
        return self.book.note(name, x, form, samples)


class Fire(nn.Module):
    """Spikes of what is given, with no state: time may lie anywhere."""

    def forward(self, x):
        return Spike.apply(x - 0.4)


def spikes(*shape, seed=0, density=0.4):
    return (np.random.default_rng(seed).random(shape) < density).astype(np.float32)


def linear(inputs, outputs, **options):
    layer = nn.Linear(inputs, outputs, bias=False, **options)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(outputs, inputs) * (torch.rand(outputs, inputs) > 0.3))
    return layer


def written(net, frames):
    """Run the network once, all samples together."""
    net.eval()
    net.book.clear()
    net.book.open = True
    with torch.no_grad():
        net(torch.from_numpy(frames))
    net.book.open = False
    return net.book


def found(net, frames, samples, **options):
    return profile(net, frames, np.zeros(samples, int), **options).workload
