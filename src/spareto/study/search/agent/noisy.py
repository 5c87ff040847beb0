"""A dense layer that explores: its weights are noisy by as much as it has learnt to want."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NoisyLinear(nn.Module):
    """A dense layer with factorised Gaussian noise in training mode, none in evaluation mode.

    Args:
        inputs: Size of an input.
        outputs: Size of an output.
        sigma: Noise at the start, over the square root of `inputs`.

    Reference:
        fortunato2018, section 3.2.
    """

    noise_in: Tensor
    noise_out: Tensor

    def __init__(self, inputs: int, outputs: int, sigma: float = 0.5) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))
        self.weight_sigma = nn.Parameter(torch.full((outputs, inputs), sigma * bound))
        self.bias_sigma = nn.Parameter(torch.full((outputs,), sigma * bound))
        self.register_buffer("noise_in", torch.zeros(inputs))
        self.register_buffer("noise_out", torch.zeros(outputs))
        self.draw()

    def draw(self) -> None:
        """Draw other noise."""
        self.noise_in.copy_(_scaled(torch.randn(len(self.noise_in))))
        self.noise_out.copy_(_scaled(torch.randn(len(self.noise_out))))

    def forward(self, x: Tensor) -> Tensor:
        """Shape `(batch, inputs)` to `(batch, outputs)`."""
        if not self.training:
            return F.linear(x, self.weight, self.bias)
        weight = self.weight + self.weight_sigma * torch.outer(self.noise_out, self.noise_in)
        return F.linear(x, weight, self.bias + self.bias_sigma * self.noise_out)


def _scaled(noise: Tensor) -> Tensor:
    return noise.sign() * noise.abs().sqrt()
