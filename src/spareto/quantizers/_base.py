"""What a quantizer is: real weights to integer codes and back, with a gradient for training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, ClassVar, Literal, TypedDict, Unpack

import torch
from torch import Tensor, nn

from spareto.core.config import Rule
from spareto.core.errors import ConfigError, Problem
from spareto.core.options import hold_options, place_of
from spareto.core.text import shown
from spareto.quantizers.rounding import Rounding
from spareto.quantizers.rounding import registry as roundings

Granularity = Literal["per_tensor", "per_channel"]
STRAIGHT_THROUGH = "straight_through"
HALF = (torch.float16, torch.bfloat16)


class Shared(TypedDict, total=False):
    """What every quantizer takes beside its own options.

    Args:
        granularity: Whether one scale serves the tensor [per_tensor], or each output channel has its own.
        rounding: Name of the gradient of rounding [straight_through], or a `Rounding` made with options.
    """

    granularity: Granularity
    rounding: Annotated[str | Rounding, Rule("the name of a rounding, or a rounding itself")]


class Quantizer(nn.Module, ABC):
    """Maps a weight tensor to integer codes of a few bits; one file each in `quantizers/`.

    Its scales are parameters or buffers of the module, so they travel in state dicts.

    Args:
        bits: Width of a code.
        shared: See `Shared`.

    Attributes:
        bits_supported: Widths it has codes for.
        monotone: A larger weight never gets a smaller code, nor a larger code a smaller value.
        keeps_zero: Zero has a code of its own.
        nearest: A weight gets the code whose value is nearest to it, now and after any training of the
            scales: inside the range, the error is at most half the gap between codes there.
        tracks_weights: In training its range follows the weights; in evaluation it stays where it was.
        idempotent: A quantized weight, quantized again at the same scales, keeps its code.
        soft: In training a smooth function stands in for the codes, which evaluation gives.
        rows_of_channels: Names of its tensors that are not shaped like a weight, and have a row for each
            output channel where the granularity is `per_channel`, and one axis else.

    Raises:
        ConfigError: The quantizer has no codes of that width.
        UnknownName: No rounding has that name.
    """

    bits_supported: ClassVar[range] = range(2, 17)
    monotone: ClassVar[bool] = True
    keeps_zero: ClassVar[bool] = True
    nearest: ClassVar[bool] = True
    tracks_weights: ClassVar[bool] = False
    idempotent: ClassVar[bool] = True
    soft: ClassVar[bool] = False
    rows_of_channels: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__()
        if bits not in self.bits_supported:
            low, high = self.bits_supported[0], self.bits_supported[-1]
            unit = "bit" if high == 1 else "bits"
            rule = f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
            cure = "Use quantizer 'sign' for binary weights." if bits == 1 else ""
            raise ConfigError(Problem(f"{place_of(self, 'quantizer')}.bits", shown(bits), rule, cure))
        self.bits = bits
        self.granularity: Granularity = shared.get("granularity", "per_tensor")
        rounding = shared.get("rounding", STRAIGHT_THROUGH)
        self.rounding = rounding if isinstance(rounding, Rounding) else roundings.make(rounding)

    def __init_subclass__(cls, **options: Any) -> None:
        """Weights of half precision are taken as single ones: half has no room for scales."""
        super().__init_subclass__(**options)
        hold_options(cls, "quantizer")
        for name in ("start", "encode", "forward"):
            if name in vars(cls):
                setattr(cls, name, _in_single(vars(cls)[name]))

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Scales stay in single precision at least when a network is made narrower: they would not fit."""
        return super()._apply(lambda value: _at_least_single(value, fn(value)), recurse)

    @property
    def code_range(self) -> tuple[int, int]:
        """Smallest and largest code: those of a signed symmetric integer, unless said otherwise."""
        most = max(2 ** (self.bits - 1) - 1, 1)
        return -most, most

    @abstractmethod
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        """Choose the scales for a trained weight.

        Args:
            weight: Shape (out channels, ...).
            live: True where a weight is not pruned; pruned weights say nothing about the range.
        """

    def weigh(self, uses: Tensor) -> None:
        """Hear, before `start`, how many weights are made of each number; most quantizers treat all alike.

        Args:
            uses: Shape of the tensor that is quantized, whole numbers: those of an epitome.
        """

    @abstractmethod
    def encode(self, weight: Tensor) -> Tensor:
        """Integer codes of a weight, int32, same shape."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Weights that the codes stand for, same shape, the dtype of the scale."""

    @abstractmethod
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        """`decode(encode(weight))`, to the bit, with a gradient for the weight and the scales.

        One that is `soft` gives that in evaluation only.

        Args:
            weight: Shape (out channels, ...).
            live: True where a weight is not pruned; looked at in training by quantizers that `follow`.
        """

    def standing_for(self, codes: Tensor) -> Tensor:
        """Weights that get these codes in evaluation: their values, where the quantizer is `idempotent`.

        Args:
            codes: Shape (out channels, ...).
        """
        return self.decode(codes)

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """An epoch of training begins: those with a schedule move on.

        Args:
            epoch: Epochs of the training before it.
            epochs: Epochs of the training.
        """


def _in_single(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, given weights of half precision as single ones."""

    @wraps(method)
    def run(self: Quantizer, weight: Tensor, *others: Any, **named: Any) -> Any:
        return method(self, weight.float() if weight.dtype in HALF else weight, *others, **named)

    return run


def _at_least_single(before: Tensor, after: Tensor) -> Tensor:
    if after.dtype in HALF:
        return before.to(device=after.device, dtype=torch.float32)
    return after
