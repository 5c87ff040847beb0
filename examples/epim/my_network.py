"""A small convolutional network of plain torch: rectified numbers, no neurons, no time."""

from torch import nn


def build(width=32):
    """What the study calls, with its `network.options`: images of one channel in, ten classes out."""

    def block(inputs, outputs):
        convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

    return nn.Sequential(
        block(1, width),
        block(width, 2 * width),
        block(2 * width, 4 * width),
        nn.Flatten(),
        nn.Linear(64 * width, 10),
    )
