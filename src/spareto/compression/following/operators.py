"""What torch's operators do to the places of channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch


def _named(*names: str) -> frozenset[str]:
    return frozenset(f"aten::{name}" for name in names)


SAME: Final = _named(
    *("to", "_to_copy", "clone", "contiguous", "detach", "alias", "lift_fresh", "type_as", "dropout"),
    *("feature_dropout", "alpha_dropout", "feature_alpha_dropout", "positive", "view_as_real"),
)
"""They give what they were given."""

SHAPED: Final = _named(
    *("reshape", "view", "_unsafe_view", "_reshape_alias", "view_as", "reshape_as", "flatten", "unflatten"),
    *("permute", "transpose", "t", "numpy_T", "movedim", "swapaxes", "swapdims", "squeeze", "unsqueeze"),
    *("expand", "expand_as", "stack", "unsafe_chunk"),
)
"""They give the same elements in another shape, whatever the number of channels."""

PICKED: Final = _named(
    *("select", "slice", "narrow", "chunk", "split", "split_with_sizes", "tensor_split", "unbind", "index"),
    *("index_select", "gather", "roll", "flip", "cat", "concat", "constant_pad_nd", "pad", "repeat", "tile"),
    *("repeat_interleave", "unfold", "im2col", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"),
    *("native_channel_shuffle", "rot90", "as_strided", "diagonal", "upsample_nearest1d", "take_along_dim"),
    *("upsample_nearest2d", "upsample_nearest3d", "_upsample_nearest_exact2d", "select_scatter"),
    *("slice_scatter", "reflection_pad2d", "replication_pad2d", "reflection_pad1d", "replication_pad1d"),
)
"""They give some of the elements, or in another order: fine as long as the order of channels stays."""

REDUCING: Final = _named(
    *("sum", "mean", "amax", "amin", "max", "min", "any", "all", "prod", "var", "std", "norm", "logsumexp"),
    *("median", "count_nonzero", "nansum", "argmax", "argmin", "linalg_vector_norm", "cummax"),
)
"""They go over some axes, which are gone or one long afterwards."""

ALONG: Final = _named(
    "cumsum", "cumprod", "softmax", "_softmax", "log_softmax", "_log_softmax", "logcumsumexp", "sort"
)
"""They go along one axis, which stays."""

POINTWISE: Final = _named(
    *("relu", "relu_", "copy_", "fill_", "zero_", "masked_fill", "masked_fill_", "where", "lerp", "lerp_"),
    *("heaviside", "threshold", "threshold_", "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_", "gelu"),
    *("bernoulli", "bernoulli_", "rand_like", "zeros_like", "ones_like", "full_like", "empty_like", "prelu"),
    *(
        "_prelu_kernel",
        "silu",
        "elu",
        "celu",
        "isnan",
        "isfinite",
        "bitwise_and",
        "round",
        "_local_scalar_dense",
    ),
    *(
        "normal_",
        "uniform_",
        "randn_like",
        "addcmul",
        "addcmul_",
        "addcdiv",
        "fmod",
        "remainder",
        "nan_to_num",
    ),
)
"""They go element by element; what torch itself marks as such need not stand here."""

EMPTY_LIKE: Final = _named(
    "zeros_like",
    "ones_like",
    "full_like",
    "empty_like",
    "rand_like",
    "randn_like",
    "new_zeros",
    "new_ones",
    "new_full",
    "new_empty",
)
"""They look only at the shape of what they are given."""

CHANGING_ALL: Final = _named("fill_", "zero_", "normal_", "uniform_")


def is_pointwise(func: Any) -> bool:
    """Whether an operator goes element by element."""
    return torch.Tag.pointwise in func.tags or func._schema.name in POINTWISE


def pooling_axes(name: str) -> int:
    """Axes a pooling goes over, 0 of what is none."""
    base = name.removeprefix("aten::")
    return next((axes for axes in (1, 2, 3) if f"pool{axes}d" in base), 0)


def arguments(func: Any, args: tuple[Any, ...], kwargs: Any) -> dict[str, Any]:
    """What an operator was given, by the names of its schema, defaults included."""
    schema = func._schema.arguments
    given = {each.name: each.default_value for each in schema if each.has_default_value()}
    given |= {each.name: value for each, value in zip(schema, args, strict=False)}
    return given | dict(kwargs)


def axes_of(given: Mapping[str, Any]) -> tuple[int, ...]:
    """The axes of a reduction; none means all."""
    dim = given.get("dim")
    if dim is None or dim == []:
        return ()
    return (dim,) if isinstance(dim, int) else tuple(dim)
