"""The C kernels of spiking layers: packed spikes, event-driven sums and their gradients, the fused block."""

from __future__ import annotations

import ctypes
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from spareto.kernels import workspace
from spareto.kernels.library import NOT_FINITE, function, too_large


def padded(channels: int) -> int:
    """Channels of an activation inside the kernels: a multiple of 16, whole cache lines."""
    return -(-channels // 16) * 16


def words(channels: int) -> int:
    """64-bit words of one pixel's spikes."""
    return -(-channels // 64)


@dataclass(frozen=True)
class ConvShape:
    """Geometry of a convolution over `N` images; mirrors `conv_shape` in `csrc/shape.h`.

    `S` is the stride, `P` the padding before the first pixel (what lies behind the last one follows from the
    output's size), `D` the dilation. `OC` is padded to a multiple of 16; no group is padded on its own.
    """

    N: int
    H: int
    W: int
    C: int
    OH: int
    OW: int
    OC: int
    KH: int
    KW: int
    SH: int
    SW: int
    PH: int
    PW: int
    DH: int = 1
    DW: int = 1
    groups: int = 1

    @property
    def plain(self) -> bool:
        """Neither dilated nor grouped."""
        return self.DH == self.DW == self.groups == 1

    @property
    def reach(self) -> tuple[int, int]:
        """Height and width of the input were it padded alike on all sides: 'same' may pad more behind it."""
        high = (self.OH - 1) * self.SH + self.DH * (self.KH - 1) + 1 - 2 * self.PH
        wide = (self.OW - 1) * self.SW + self.DW * (self.KW - 1) + 1 - 2 * self.PW
        return max(self.H, high), max(self.W, wide)


@dataclass(frozen=True)
class BlockShape:
    """Geometry of neurons and pooling; mirrors `block_shape` in `csrc/block.c`.

    Max windows are `KH` x `KW`, windows of the average `AH` x `AW`, side by side; one of them is 1 x 1.
    """

    T: int
    B: int
    H: int
    W: int
    C: int
    channels: int
    KH: int
    KW: int
    AH: int = 1
    AW: int = 1

    @property
    def pooled(self) -> tuple[int, int, int]:
        """Images, height and width behind the pooling."""
        return self.T * self.B, self.H // self.KH // self.AH, self.W // self.KW // self.AW

    @property
    def unaveraged(self) -> tuple[int, int, int]:
        """The same before the average: images, height and width of the spikes."""
        images, high, wide = self.pooled
        return images, high * self.AH, wide * self.AW

    @property
    def averages(self) -> bool:
        """Whether what comes out is no longer spikes."""
        return self.AH * self.AW > 1


@dataclass
class Gradient:
    """The gradient of sums `y` as `k0 dz + k1 y + k2`, the backward of batch norm; without `y` it is `dz`.

    `finite` is false where `dz` is known to hold a NaN or an infinity.
    """

    dz: Tensor
    y: Tensor | None = None
    k0: Tensor | None = None
    k1: Tensor | None = None
    k2: Tensor | None = None
    finite: bool = True

    def written(self) -> Tensor:
        """The gradient itself; overwrites `dz` the first time."""
        if self.y is not None:
            run = function("spareto_affine_gradient", "pppppqqi")
            channels = self.dz.shape[-1]
            run(*self.pointers(), self.dz.numel() // channels, channels, torch.get_num_threads())
            self.y = None
        return self.dz

    def pointers(self) -> tuple[int | None, ...]:
        """Addresses, in the order every kernel takes them."""
        return tuple(map(_at, (self.dz, self.y, self.k0, self.k1, self.k2)))


class NotFinite(Exception):  # noqa: N818 - reads as what it is: `except NotFinite`
    """A weight or gradient is not finite, so sums must also meet the zeros: 0 times infinity is not 0."""


def finite(x: Tensor) -> bool:
    """Whether all values of a float32 tensor in one piece are finite."""
    good = torch.zeros((), dtype=torch.int64)
    function("spareto_finite", "ppqi")(x.data_ptr(), good.data_ptr(), x.numel(), torch.get_num_threads())
    return bool(good)


def pack(x: Tensor, channels: int, pixels: int) -> tuple[Tensor, bool]:
    """Spikes to bits `(images, pixels, words)`; False if some are none.

    Args:
        x: Images in one piece, `(N, ...)`; or a batch `(time, batch, ...)` out of a longer array, whose
            samples are each in one piece.
        channels: Channels of an image.
        pixels: Its pixels.
    """
    size = channels * pixels
    images, batch, outer, inner = x.shape[0], 1, size, 0
    if not x.is_contiguous():
        images, batch, outer, inner = x.shape[0] * x.shape[1], x.shape[1], x.stride(0), x.stride(1)
    bits = workspace.empty(images, pixels, words(channels), dtype=torch.int64)
    real = torch.zeros((), dtype=torch.int64)
    arguments = x.data_ptr(), bits.data_ptr(), real.data_ptr(), images, channels
    places = batch, outer, inner, torch.get_num_threads()
    if pixels == 1:
        function("spareto_pack_rows", "pppqqqqqi")(*arguments, *places)
    else:
        function("spareto_pack_planes", "pppqqqqqqi")(*arguments, pixels, *places)
    return bits, not real.item()


def unpack(bits: Tensor, channels: int) -> Tensor:
    """Bits `(N, pixels, words)` to spikes `(N, pixels, channels)` of 0 and 1."""
    images, pixels, _ = bits.shape
    return average(bits, BlockShape(1, images, 1, pixels, padded(channels), channels, 1, 1)).squeeze(1)


def average(bits: Tensor, shape: BlockShape) -> Tensor:
    """Share of spikes in each window `(N, H / AH, W / AW, channels)` of what `block_forward` gave."""
    x = workspace.empty(*shape.pooled, shape.channels)
    run = function("spareto_unpack", "ppqqqqqqi")
    run(
        *(bits.data_ptr(), x.data_ptr(), *shape.unaveraged),
        *(shape.channels, shape.AH, shape.AW, torch.get_num_threads()),
    )
    return x


def count(bits: Tensor) -> int:
    """Number of spikes."""
    total = torch.zeros((), dtype=torch.int64)
    run = function("spareto_count", "ppqi")
    run(bits.data_ptr(), total.data_ptr(), bits.numel(), torch.get_num_threads())
    return int(total)


def channel_sums(y: Tensor) -> Tensor:
    """Sums over all pixels of `y (..., C)` and of its square, shape `(2, C)`, float64."""
    channels = y.shape[-1]
    stat = torch.empty(2, channels, dtype=torch.float64)
    run = function("spareto_channel_sums", "ppqqi")
    run(y.data_ptr(), stat.data_ptr(), y.numel() // channels, channels, torch.get_num_threads())
    return stat


def product_sums(dz: Tensor, y: Tensor) -> Tensor:
    """Sums over all pixels of `dz (..., C)` and of `dz y`, shape `(2, C)`, float64."""
    channels = y.shape[-1]
    sums = torch.empty(2, channels, dtype=torch.float64)
    run = function("spareto_product_sums", "pppqqi")
    run(*map(_at, (dz, y, sums)), y.numel() // channels, channels, torch.get_num_threads())
    return sums


def affine_sum(y: Tensor, a: Tensor, b: Tensor, shortcut: Tensor) -> Tensor:
    """`a y + b + shortcut` in the shape of `shortcut (..., channels)`; `y (..., C)` is padded."""
    z = workspace.empty(*shortcut.shape)
    run = function("spareto_affine_sum", "pppppqqqi")
    pixels = y.numel() // y.shape[-1]
    sizes = pixels, y.shape[-1], shortcut.shape[-1], torch.get_num_threads()
    run(*map(_at, (y, a, b, shortcut, z)), *sizes)
    return z


def conv_forward(bits: Tensor, weight: Tensor, shape: ConvShape, events: int) -> tuple[Tensor, Tensor]:
    """Sums `(N, OH, OW, OC)` of the weights that spikes meet, and their channel sums.

    Raises:
        NotFinite: A weight is NaN or infinite.
    """
    y = workspace.empty(shape.N, shape.OH, shape.OW, shape.OC)
    stat = torch.empty(2, shape.OC, dtype=torch.float64)
    run = function("spareto_conv_forward", "pppppiqi")
    status = run(
        *(bits.data_ptr(), weight.data_ptr(), y.data_ptr(), stat.data_ptr(), struct(shape)),
        *(weight.shape[0], events, torch.get_num_threads()),
    )
    refuse(status)
    return y, stat


def conv_weight_gradient(
    bits: Tensor, gradient: Gradient, weight: Tensor, shape: ConvShape, events: int
) -> Tensor:
    """Gradient of the weight, in its shape.

    Raises:
        NotFinite: A gradient is NaN or infinite.
    """
    dw = torch.empty(weight.shape)
    run = function("spareto_conv_wgrad", "ppppppppiqi")
    status = run(
        *(bits.data_ptr(), *gradient.pointers(), dw.data_ptr(), struct(shape)),
        *(weight.shape[0], events, torch.get_num_threads()),
    )
    refuse(status if gradient.finite else NOT_FINITE)
    return dw


def conv_input_gradient(gradient: Gradient, weight: Tensor, shape: ConvShape) -> Tensor:
    """Gradient of the input `(N, H, W, C padded)` of a 3x3 convolution of stride 1.

    Raises:
        NotFinite: A weight is NaN or infinite.
    """
    dx = workspace.empty(shape.N, shape.H, shape.W, padded(shape.C))
    run = function("spareto_conv_dgrad", "pppppppp" + "ii")
    status = run(
        *(*gradient.pointers(), weight.data_ptr(), dx.data_ptr(), struct(shape)),
        *(weight.shape[0], torch.get_num_threads()),
    )
    refuse(status)
    return dx


def dense_forward(bits: Tensor, weight: Tensor, channels: int) -> Tensor:
    """Sums `(N, out padded)` of what spikes `(N, pixels, words)` meet of `weight (out, inputs)`.

    Raises:
        NotFinite: A weight is NaN or infinite.
    """
    images, pixels = bits.shape[:2]
    countable(pixels, channels, weight.shape[0])
    y = workspace.empty(images, padded(weight.shape[0]))
    run = function("spareto_dense_forward", "pppqiiii")
    status = run(
        *(bits.data_ptr(), weight.data_ptr(), y.data_ptr(), images, pixels, channels, weight.shape[0]),
        torch.get_num_threads(),
    )
    refuse(status)
    return y


def dense_weight_gradient(bits: Tensor, dy: Tensor, weight: Tensor, channels: int) -> Tensor:
    """Gradient of `weight` from that of the sums, `dy (N, out padded)`.

    Raises:
        NotFinite: A gradient is NaN or infinite.
    """
    images, pixels = bits.shape[:2]
    countable(pixels, channels, weight.shape[0])
    dw = torch.empty(weight.shape)
    run = function("spareto_dense_wgrad", "pppqiiii")
    status = run(
        *(bits.data_ptr(), dy.data_ptr(), dw.data_ptr(), images, pixels, channels, weight.shape[0]),
        torch.get_num_threads(),
    )
    refuse(status)
    return dw


def dense_input_gradient(dy: Tensor, weight: Tensor) -> Tensor:
    """Gradient `(N, inputs)` of what `weight (out, inputs)` multiplied; best where `out` is small."""
    dx = workspace.empty(dy.shape[0], weight.shape[1])
    run = function("spareto_dense_dgrad", "pppqiii")
    run(dy.data_ptr(), weight.data_ptr(), dx.data_ptr(), *dx.shape, weight.shape[0], torch.get_num_threads())
    return dx


def block_forward(y: Tensor, a: Tensor, b: Tensor, k: Tensor, shape: BlockShape, flags: int) -> Tensor:
    """Spikes of the neurons behind `a y + b`, in max windows, as bits; not yet averaged."""
    bits = workspace.empty(*shape.unaveraged, words(shape.channels), dtype=torch.int64)
    run = function("spareto_block_forward", "ppppppii")
    run(
        *(y.data_ptr(), a.data_ptr(), b.data_ptr(), bits.data_ptr(), k.data_ptr(), struct(shape)),
        *(flags, torch.get_num_threads()),
    )
    return bits


def block_backward(
    y: Tensor,
    a: Tensor,
    b: Tensor,
    k: Tensor,
    g: Tensor,
    shape: BlockShape,
    flags: int,
    surrogate: int,
    products: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient of `a y + b`, its channel sums and those of it times `y`, the gradient of coefficients `k`.

    The sums of products are 0 where they are not asked for. `g` is the gradient of the pooled output.
    """
    dz = workspace.empty(*y.shape)
    sums, gk = torch.empty(2, shape.C, dtype=torch.float64), torch.zeros(k.shape, dtype=torch.float64)
    g, stride = _rows(g / (shape.AH * shape.AW) if shape.averages else g)
    run = function("spareto_block_backward", "ppppqpppppiiii")
    run(
        *(y.data_ptr(), a.data_ptr(), b.data_ptr(), g.data_ptr(), stride, dz.data_ptr()),
        *(sums.data_ptr(), gk.data_ptr(), k.data_ptr(), struct(shape)),
        *(flags, surrogate, products, torch.get_num_threads()),
    )
    return dz, sums, gk


def _rows(g: Tensor) -> tuple[Tensor, int]:
    """`g (..., C)` with its pixels at one distance, all of it memory, and that distance in elements."""
    axes = [(size, stride) for size, stride in zip(g.shape[:-1], g.stride(), strict=False) if size > 1]
    step = axes[-1][1] if axes else g.shape[-1]
    expected, even = step, step >= g.shape[-1]
    for size, stride in reversed(axes):
        even = even and stride == expected
        expected *= size
    behind = g.untyped_storage().nbytes() // g.element_size() - g.storage_offset()
    if even and behind >= expected and (g.stride(-1) == 1 or g.shape[-1] == 1):
        return g, step
    g = g.contiguous()
    return g, g.shape[-1]


@lru_cache(maxsize=256)
def struct(shape: ConvShape | BlockShape) -> Any:
    """A geometry as C takes it."""
    values = astuple(shape)
    countable(*values)
    return (ctypes.c_int32 * len(values))(*values)


def refuse(status: int) -> None:
    """Raise where a kernel met a weight or gradient that is not finite."""
    if status == NOT_FINITE:
        raise NotFinite


def countable(*sizes: int) -> None:
    """Refuse sizes that would be cut off on their way into C."""
    if not all(0 <= size < 1 << 31 for size in sizes):
        raise too_large("kernels of spiking layers")


def _at(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
