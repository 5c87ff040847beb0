"""Steps that are smooth in training and harden: the differentiable quantization function."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, Unpack

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from typing_extensions import override

from spareto.core.config import Rule
from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._clusters import middles
from spareto.quantizers._signs import as_sign
from spareto.quantizers._symmetric import LARGEST_CLIP, largest, positive
from spareto.quantizers.rounding.straight_through import StraightThrough

HOTTEST: Final = 2000.0
"""Largest temperature."""

NEAR_ZERO: Final = 0.05
"""The two thresholds next to 0 lie there, in units of the scaled weight."""

STEEPEST: Final = 10.0
"""Where the authors' code cuts the argument of the sigmoid off."""

Temperature = Annotated[float, Field(gt=0, le=HOTTEST), Rule(f"a number above 0, at most {HOTTEST:g}")]


class Differentiable(Quantizer):
    """A sum of sigmoids that grows steeper every epoch of training; in evaluation, the steps they become.

        soft   y = α · (Σ s_i · sigmoid(T · (β · w − b_i)) − o)        o = ½ Σ s_i
        hard   y = α · (Σ s_i · [β · w ≥ b_i] − o)

    The values are `α` times −1 and 1 (1 bit), or `α` times the whole numbers `−n..n`, `n = 2^(bits−1) − 1`.
    `α` and `β` are learned; `β` starts at `(5/4) · n / max|w|`, `α` at `1/β`, so that the largest weight goes
    to 0.8 of itself. The thresholds `b_i` are chosen once: 0 for binary weights; else midway between the
    k-means centres of `β · w`, the two next to 0 at ∓0.05. `T` is `(epoch + 1) · temperature`, at most 2000,
    with epochs counted from the one in which the weights are first quantized.

    Args:
        bits: Width of a code; 1 is binary, 2 ternary.
        shared: See `Shared`.
        temperature: `T` of the first epoch; the paper tries 5, 10, 20 and 40.
        derivative: `true`, or `code`: the authors' code cuts the sigmoid's argument off at ±10, and takes
            the derivative of binary steps at `T = 1`, times `T`.

    Raises:
        ConfigError: An option has a wrong value.

    Reference:
        yang2019 (Quantization Networks), equations 3 to 11; its printed derivatives have factors that are not
        those of its function. shymyrbay2023 trains spiking networks by it.
    """

    bits_supported: ClassVar[range] = range(1, 6)
    keeps_zero: ClassVar[bool] = False
    nearest: ClassVar[bool] = False
    idempotent: ClassVar[bool] = False
    soft: ClassVar[bool] = True
    rows_of_channels: ClassVar[frozenset[str]] = frozenset({"thresholds"})
    thresholds: Tensor
    begun: Tensor

    def __init__(
        self,
        bits: int,
        *,
        temperature: Temperature = 10.0,
        derivative: Literal["true", "code"] = "true",
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(bits, **shared)
        self.first, self.derivative = float(temperature), derivative
        self.highest = self.code_range[1]
        self.alpha, self.beta = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(()))
        count = 1 if bits == 1 else 2 * self.highest
        self.register_buffer("thresholds", torch.zeros(count))
        self.register_buffer("begun", torch.zeros((), dtype=torch.int64))  # epochs

    @property
    def temperature(self) -> float:
        """`T` of the epoch that goes on."""
        return min(max(int(self.begun), 1) * self.first, HOTTEST)

    @override
    def begin_epoch(self, epoch: int, epochs: int) -> None:
        self.begun.add_(1)

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        magnitude = weight if live is None else weight * live
        reach = largest(magnitude, self.granularity).double() * 0.8
        alpha = reach.clamp_min(2.0 / LARGEST_CLIP) / self.highest
        self.alpha = nn.Parameter(alpha.to(weight.dtype))
        self.beta = nn.Parameter((1.0 / alpha).to(weight.dtype))
        if self.bits == 1:
            self.thresholds = self.thresholds.to(weight)
            return
        scaled, kept = weight.detach().double() / alpha, live
        if self.granularity == "per_tensor":
            scaled, kept = scaled[None], None if live is None else live[None]
        rows = [self._between(row if kept is None else row[kept[n]]) for n, row in enumerate(scaled)]
        found = rows[0] if self.granularity == "per_tensor" else torch.stack(rows)
        self.thresholds = found.to(weight.dtype)

    def _between(self, scaled: Tensor) -> Tensor:
        """Thresholds between the clusters of scaled weights, rising."""
        found = middles(scaled, 2 * self.highest + 1)
        low = found[: self.highest].clamp_max(-NEAR_ZERO)
        high = found[self.highest :].clamp_min(NEAR_ZERO)
        low[-1], high[0] = -NEAR_ZERO, NEAR_ZERO
        return torch.cat([low, high])

    @override
    def encode(self, weight: Tensor) -> Tensor:
        place = (weight.detach() * positive(self.beta).detach()).contiguous()
        rows = place.flatten(1) if self.thresholds.dim() > 1 else place
        passed = torch.searchsorted(self.thresholds, rows, right=True).view(place.shape).to(torch.int32)
        return 2 * passed - 1 if self.bits == 1 else passed - self.highest

    @override
    def decode(self, codes: Tensor) -> Tensor:
        return codes.to(self.alpha.dtype) * positive(self.alpha)

    @override
    def standing_for(self, codes: Tensor) -> Tensor:
        borders = self.thresholds
        between = (borders[..., 1:] + borders[..., :-1]) / 2
        places = torch.cat([borders[..., :1] - 1, between, borders[..., -1:] + 1], -1)
        number = ((codes + 1) // 2 if self.bits == 1 else codes + self.highest).long()
        if places.dim() == 1:
            return places[number] / positive(self.beta)
        return places.gather(1, number.flatten(1)).view(number.shape) / positive(self.beta)

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        size = 2.0 if self.bits == 1 else 1.0
        code = self.derivative == "code"
        shape = (-1, *[1] * (weight.dim() - 1)) if self.thresholds.dim() > 1 else ()
        borders = [column.reshape(shape) for column in self.thresholds.unbind(-1)]
        steps = _Steps.apply(weight, positive(self.beta), borders, self.temperature, size, code)
        if self.training:
            return steps * positive(self.alpha)
        return as_sign(steps, self.encode(weight).to(weight.dtype), StraightThrough()) * positive(self.alpha)


class _Steps(torch.autograd.Function):
    """`Σ s · sigmoid(T · (β · w − b_i)) − o`, one threshold at a time: all at once would not fit a cache."""

    @staticmethod
    def forward(
        ctx: Any,
        weight: Tensor,
        beta: Tensor,
        thresholds: list[Tensor],
        temperature: float,
        size: float,
        code: bool,
    ) -> Tensor:
        place = weight * beta
        total = torch.full_like(place, -0.5 * size * len(thresholds))
        slope = torch.zeros_like(place)
        for threshold in thresholds:
            argument = (place - threshold) * temperature
            if code:
                argument = argument.clamp(-STEEPEST, STEEPEST)
            risen = argument.sigmoid()
            total += size * risen
            if code and len(thresholds) == 1:
                risen = (place - threshold).clamp(-STEEPEST, STEEPEST).sigmoid()  # at T = 1
            slope += size * temperature * risen * (1.0 - risen)
        ctx.save_for_backward(weight, beta, slope)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        weight, beta, slope = ctx.saved_tensors
        to_beta = (grads[0] * (slope * weight)).sum_to_size(beta.shape)
        return grads[0] * (slope * beta), to_beta, None, None, None, None  # in an order that overflows last
