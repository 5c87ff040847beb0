"""Weights whose logarithm is uniform: a multi-base logarithmic number system."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Unpack

import torch
from pydantic import AfterValidator, Field
from torch import Tensor
from typing_extensions import override

from spareto.core.config import Rule
from spareto.core.errors import ConfigError, Problem
from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._snap import snap_to
from spareto.quantizers._symmetric import largest

OCTAVES: Final = 16
MOST_OCTAVES: Final = 24
"""Below the smallest clip, single precision has room for so many."""


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError
    return value


Gamma = Annotated[
    int, Field(ge=1, le=2048), AfterValidator(_power_of_two), Rule("a power of two from 1 to 2048")
]


class Logarithmic(Quantizer):
    """Magnitudes `s · 2^(p/γ)` for `p = 0 .. 2^(bits−1) − 1`, and a sign; the largest is `max|w|`.

    An exponent is rounded in the logarithm, so that no magnitude within the range is off by more than
    `2^(1/(2γ)) − 1`, 4.4 % at γ = 8. There is no zero: what is smaller than `s` becomes `± s`.

    Args:
        bits: One of the sign, the others of the exponent.
        shared: See `Shared`.
        gamma: Exponents in one octave, a power of two; left out, as many as span 16 octaves, but at least 1.

    Raises:
        ConfigError: So few exponents an octave span more than 24 octaves, which single precision cannot hold.

    Reference:
        zhao2022 (LNS-Madam), section III: `bits` 8 and `gamma` 8 are its defaults.
    """

    keeps_zero: ClassVar[bool] = False
    nearest: ClassVar[bool] = False
    tracks_weights: ClassVar[bool] = True
    scale: Tensor
    base_factor: Tensor

    def __init__(
        self,
        bits: int = 8,
        *,
        gamma: Gamma | None = None,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(bits, **shared)
        self.magnitudes = 2 ** (bits - 1)
        gamma = max(1, self.magnitudes // OCTAVES) if gamma is None else gamma
        _check(gamma, self.magnitudes)
        self.register_buffer("base_factor", torch.tensor(float(gamma)))
        self.register_buffer("scale", torch.ones(()))

    @property
    def gamma(self) -> int:
        """Exponents in one octave."""
        return int(self.base_factor)

    @property
    @override
    def code_range(self) -> tuple[int, int]:
        """Codes 0, 1, ... are `s · 2^(p/γ)` with rising `p`, codes −1, −2, ... the same with a minus."""
        return -self.magnitudes, self.magnitudes - 1

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        self.scale = largest(weight if live is None else weight * live, self.granularity)

    @override
    def encode(self, weight: Tensor) -> Tensor:
        exponent = self._exponent(weight).round().to(torch.int32)
        return torch.where(weight < 0, -1 - exponent, exponent)

    @override
    def decode(self, codes: Tensor) -> Tensor:
        return self._points(codes) * self.scale

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        if self.training:
            self.start(weight, live)
        exponent = self._exponent(weight)
        whole = exponent.round()
        negative = weight.detach() < 0
        offset = torch.where(negative, whole - exponent, exponent - whole)
        codes = torch.where(negative, -1 - whole, whole).to(torch.int32)
        clipped = (weight.detach() / self.scale).clamp(-1.0, 1.0)
        inside = weight.detach().abs() <= self.scale
        return snap_to(weight, self.scale, clipped, self._points(codes), offset, inside, self.rounding)

    def _exponent(self, weight: Tensor) -> Tensor:
        """`p` before rounding, within its range."""
        top = self.magnitudes - 1
        logarithm = torch.log2(weight.detach().abs() / self.scale) * self.base_factor
        return (logarithm + top).clamp_(0.0, top)

    def _points(self, codes: Tensor) -> Tensor:
        """The codes' values in units of the largest."""
        steps = torch.arange(1 - self.magnitudes, 1, dtype=torch.float64, device=codes.device)
        grid = torch.exp2(steps / self.base_factor).to(self.scale.dtype)
        codes = codes.long()
        return torch.where(codes < 0, -grid[torch.where(codes < 0, -1 - codes, 0)], grid[codes.clamp_min(0)])


def _check(gamma: int, magnitudes: int) -> None:
    if (magnitudes - 1) / gamma > MOST_OCTAVES:
        got = f"{gamma}, so {(magnitudes - 1) / gamma:.5g} octaves"
        cure = f"Use {magnitudes // OCTAVES}, or fewer bits."
        raise ConfigError(
            Problem("quantizer 'logarithmic'.gamma", got, f"at most {MOST_OCTAVES} octaves", cure)
        )
