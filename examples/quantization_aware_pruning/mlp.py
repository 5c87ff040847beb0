"""The jet tagger of Ps and Qs: a dense network 16-64-32-32 with a batch norm before each ReLU."""

from torch import nn


def build(classes=5, hidden=(64, 32, 32)):
    """What the study calls, with its `network.options`."""
    sizes = (16, *hidden)
    parts = [
        part
        for inputs, outputs in zip(sizes, sizes[1:])
        for part in (nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU())
    ]
    return nn.Sequential(*parts, nn.Linear(sizes[-1], classes))
