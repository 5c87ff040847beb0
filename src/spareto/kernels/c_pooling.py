"""The C kernels of max pooling before the neurons."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from spareto.kernels import workspace
from spareto.kernels.c_layers import ConvShape, countable, refuse, struct
from spareto.kernels.library import function


def max_pool(y: Tensor, window: tuple[int, int], z: Tensor, places: Tensor) -> None:
    """Largest values of windows of `y (N, H, W, C)`, side by side, and their places.

    Args:
        y: What is pooled.
        window: Height and width.
        z: Becomes the largest values, shape `(N, H / high, W / wide, C)`.
        places: Becomes their places, uint8, counted row by row inside a window; of several that are alike,
            the first.
    """
    run = function("spareto_pool_max", "ppppi")
    shape = _windows(*y.shape, *window)
    run(y.data_ptr(), z.data_ptr(), places.data_ptr(), shape, torch.get_num_threads())


def max_pool_gradient(dz: Tensor, places: Tensor, size: tuple[int, ...], window: tuple[int, int]) -> Tensor:
    """Gradient, of shape `size (N, H, W, C)`, of what `max_pool` pooled."""
    dy = workspace.empty(*size)
    run = function("spareto_pool_max_back", "ppppi")
    shape = _windows(*size, *window)
    run(dz.data_ptr(), places.data_ptr(), dy.data_ptr(), shape, torch.get_num_threads())
    return dy


def pooled_sums(
    bits: Tensor, weight: Tensor, shape: ConvShape, window: tuple[int, int], events: int
) -> tuple[Tensor, Tensor]:
    """Largest sums of a convolution without groups in each window, and their places; see `max_pool`.

    Args:
        bits: Incoming spikes.
        weight: The convolution's.
        shape: Its geometry.
        window: Height and width.
        events: Number of incoming spikes.

    Raises:
        NotFinite: A weight is NaN or infinite.
    """
    z, places = behind((shape.N, shape.OH, shape.OW, shape.OC), window)
    run = function("spareto_pool_sums", "pppppiiiqi")
    status = run(
        *(bits.data_ptr(), weight.data_ptr(), z.data_ptr(), places.data_ptr(), struct(shape)),
        *(weight.shape[0], *window, events, torch.get_num_threads()),
    )
    refuse(status)
    return z, places


def behind(size: tuple[int, ...], window: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Memory for the largest values of each window of `size (N, H, W, C)`, and for their places."""
    sizes = size[0], size[1] // window[0], size[2] // window[1], size[3]
    return workspace.empty(*sizes), torch.empty(sizes, dtype=torch.uint8)


def pooled_weight_gradient(
    bits: Tensor, dz: Tensor, places: Tensor, weight: Tensor, shape: ConvShape, window: tuple[int, int]
) -> Tensor:
    """Gradient of the weight, in its shape, of a convolution whose sums were pooled; of finite `dz`.

    Args:
        bits: Incoming spikes.
        dz: Gradient of the pooled sums.
        places: Theirs.
        weight: The convolution's, without groups and dilation.
        shape: Its geometry.
        window: Height and width.
    """
    dw = torch.empty(weight.shape)
    run = function("spareto_pool_wgrad", "pppppiiiii")
    run(
        *(bits.data_ptr(), dz.data_ptr(), places.data_ptr(), dw.data_ptr(), struct(shape)),
        *(weight.shape[0], *window, dz.shape[-1], torch.get_num_threads()),
    )
    return dw


def pooled_input_gradient(
    dz: Tensor, places: Tensor, weight: Tensor, shape: ConvShape, window: tuple[int, int]
) -> Tensor:
    """Gradient of the input `(N, H, W, C)` of a convolution whose sums were pooled.

    Args:
        dz: Gradient of the pooled sums.
        places: Theirs.
        weight: The convolution's, without groups and dilation.
        shape: Its geometry.
        window: Height and width.

    Raises:
        NotFinite: A weight is NaN or infinite.
    """
    dx = workspace.empty(shape.N, shape.H, shape.W, shape.C)
    run = function("spareto_pool_dgrad", "pppppiiiii")
    status = run(
        *(dz.data_ptr(), places.data_ptr(), weight.data_ptr(), dx.data_ptr(), struct(shape)),
        *(weight.shape[0], *window, dz.shape[-1], torch.get_num_threads()),
    )
    refuse(status)
    return dx


def _windows(*sizes: int) -> Any:
    countable(*sizes)
    return (ctypes.c_int32 * len(sizes))(*sizes)
