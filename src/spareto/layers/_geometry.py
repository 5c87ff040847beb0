"""Sizes of maps in front of a convolution and behind it."""

from __future__ import annotations

from torch import nn

from spareto.kernels.c_layers import ConvShape, padded

Sides = tuple[int, ...]


def pair(value: int | Sides) -> Sides:
    """Height and width of a window given as one number or as both."""
    return (value, value) if isinstance(value, int) else tuple(value) * (2 // len(value))


def padding(conv: nn.Conv2d) -> Sides:
    """Rows and columns of zeros before the first; of what 'same' adds, the smaller half."""
    if not isinstance(conv.padding, str):
        return pair(conv.padding)
    spans = zip(conv.kernel_size, conv.dilation, strict=True)
    return tuple(dil * (kernel - 1) // 2 if conv.padding == "same" else 0 for kernel, dil in spans)


def output_size(conv: nn.Conv2d, height: int, width: int) -> tuple[int, int]:
    """Height and width of a convolution's output; below 1 where its kernel does not fit."""
    if conv.padding == "same":
        return height, width
    sides = zip((height, width), conv.kernel_size, conv.stride, padding(conv), conv.dilation, strict=True)
    high, wide = (
        (side + 2 * pad - dil * (kernel - 1) - 1) // step + 1 for side, kernel, step, pad, dil in sides
    )
    return high, wide


def conv_shape(conv: nn.Conv2d, images: int, height: int, width: int) -> ConvShape:
    """A convolution's geometry, as its kernels take it."""
    high, wide = output_size(conv, height, width)
    return ConvShape(
        *(images, height, width, conv.in_channels, high, wide, padded(conv.out_channels)),
        *(*conv.kernel_size, *conv.stride, *padding(conv), *conv.dilation, conv.groups),
    )
