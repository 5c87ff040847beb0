"""What a quantizer is: real weights to integer codes and back, with a gradient for training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor, nn

from spareto.core.errors import ConfigError, Problem

Granularity = Literal["per_tensor", "per_channel"]


class Quantizer(nn.Module, ABC):
    """Maps a weight tensor to integer codes of a few bits; one file each in `quantizers/`.

    Its scales are parameters or buffers of the module, so they travel in state dicts.

    Args:
        bits: Width of a code.
        granularity: Whether one scale serves the tensor, or each output channel (first axis) has its own.

    Raises:
        ConfigError: The quantizer has no codes of that width.
    """

    bits_supported: ClassVar[range] = range(2, 17)

    def __init__(self, bits: int, granularity: Granularity = "per_tensor") -> None:
        super().__init__()
        if bits not in self.bits_supported:
            low, high = self.bits_supported[0], self.bits_supported[-1]
            rule = f"{low} bit" if low == high == 1 else f"{low} to {high} bits"
            name = type(self).__module__.rpartition(".")[2]
            cure = "Use quantizer 'sign' for binary weights." if bits == 1 else ""
            raise ConfigError(Problem(f"quantizer '{name}'.bits", str(bits), rule, cure))
        self.bits = bits
        self.granularity: Granularity = granularity

    @property
    @abstractmethod
    def code_range(self) -> tuple[int, int]:
        """Smallest and largest code."""

    @abstractmethod
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        """Choose the scales for a trained weight.

        Args:
            weight: Shape (out channels, ...).
            live: True where a weight is not pruned; pruned weights say nothing about the range.
        """

    @abstractmethod
    def encode(self, weight: Tensor) -> Tensor:
        """Integer codes of a weight, int32, same shape."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Weights that the codes stand for, same shape, the dtype of the scale."""

    @abstractmethod
    def forward(self, weight: Tensor) -> Tensor:
        """`decode(encode(weight))`, to the bit, with a gradient for the weight and the scales."""
