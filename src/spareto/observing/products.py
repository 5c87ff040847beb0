"""The operators that multiply and add up: what each is given, in one form for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal

import torch
from torch import Tensor

Kind = Literal["linear", "convolution", "embedding", "pair"]


@dataclass(frozen=True)
class Geometry:
    """How a convolution slides, an entry per axis.

    Args:
        stride: Steps between two outputs.
        padding: Zeros before and after each axis.
        dilation: Steps between two taps of the kernel.
        transposed: Whether it is the transpose of such a convolution.
        output_padding: Rows a transposed one adds at the end.
        groups: Channel groups.
    """

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int

    @property
    def axes(self) -> int:
        """Axes it slides along."""
        return len(self.stride)


@dataclass(frozen=True)
class ProductCall:
    """One call of an operator that multiplies and adds up.

    Args:
        kind: `linear` is any matrix product with a weight; `pair` one of two activations.
        x: What enters: `(..., features)` of a linear product, `(samples, channels, ...)` of a convolution,
            indices of an embedding, `(..., rows, inner)` of a pair.
        other: The weight: `(outputs, features)` of a linear product, or with one product per group
            `(groups, outputs, features)`; as torch lays it out for convolutions; `(entries, features)` of an
            embedding. Of a pair the right operand, `(..., inner, columns)`.
        bias: Added to each output; None without one.
        geometry: Of a convolution.
        operand: The weight as the operator was given it, before it was turned.
        form: How the operator's result lies: `turned` with outputs on the last axis but one, `grouped` with
            groups first, `single` without an axis of samples.
    """

    kind: Kind
    x: Tensor
    other: Tensor
    bias: Tensor | None = None
    geometry: Geometry | None = None
    operand: Tensor | None = None
    form: Literal["plain", "turned", "grouped", "single"] = "plain"

    def result(self, output: Tensor) -> Tensor:
        """What the operator gave, with outputs where `x` has its features."""
        if self.form == "grouped":
            return output.transpose(0, 1).flatten(1)
        if self.form == "turned":
            output = output.transpose(-1, -2)
        if self.kind == "linear" and output.dim() != self.x.dim():
            return output.reshape(*self.x.shape[:-1], -1)
        return output.unsqueeze(0) if self.form == "single" else output

    @property
    def features(self) -> int:
        """Axes at the end of `x` that belong to one sample at one place."""
        if self.geometry is not None:
            return 1 + self.geometry.axes
        return {"linear": 1, "embedding": 0, "pair": 2, "convolution": 2}[self.kind]


Constant = Callable[[Tensor], bool]
"""Whether a tensor is a weight: it does not depend on what the network was given."""


class UnknownProductError(Exception):
    """An operator multiplies and adds up in a way that is not counted."""


def product_of(
    func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], constant: Constant
) -> ProductCall | None:
    """What an operator multiplies; None for one that multiplies no matrices, or only constants.

    Args:
        func: The operator, of torch's library.
        args: What it was given.
        kwargs: What it was given by name.
        constant: Tells weights from activations.

    Raises:
        UnknownProductError: It multiplies and adds up, and is not in the table.
    """
    name = func._schema.name
    read = _READERS.get(name)
    if read is None:
        if name in REFUSED:
            raise UnknownProductError(name)
        return None
    names, defaults = _arguments(func)
    given = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
    if any(isinstance(each, Tensor) and each.layout is not torch.strided for each in given.values()):
        raise UnknownProductError(f"{name} of a sparse tensor")
    return read(given, constant)


def entering_of(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """The operand that is written where activations usually stand: the left one; None for no product."""
    if func._schema.name not in _READERS:
        return None
    names, _ = _arguments(func)
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return next((given[name] for name in _LEFT if name in given), None)


_LEFT: Final = ("input", "indices", "mat1", "batch1", "mat", "self")
"""What torch calls the left operand; `self` is the sum that is added to where there is another."""


@lru_cache(maxsize=256)
def _arguments(func: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names of all arguments in order, and the values of those that may be left out."""
    arguments = func._schema.arguments
    defaults = {each.name: each.default_value for each in arguments if each.has_default_value()}
    return tuple(each.name for each in arguments), defaults


def _linear(given: Mapping[str, Any], constant: Constant) -> ProductCall | None:
    x, weight = given["input"], given["weight"]
    if constant(x):
        return None
    if not constant(weight):
        return ProductCall("pair", x, weight.transpose(-1, -2))
    return ProductCall("linear", x, weight, given["bias"], operand=weight)


def _matmul(given: Mapping[str, Any], constant: Constant) -> ProductCall | None:
    left = given["self"]
    right = next(given[name] for name in ("other", "mat2", "vec", "tensor") if name in given)
    return _of_two(left, right, None, constant)


def _addmm(given: Mapping[str, Any], constant: Constant) -> ProductCall | None:
    left, right = (
        given.get("mat1", given.get("batch1", given.get("mat"))),
        given.get("mat2", given.get("vec")),
    )
    right = given["batch2"] if right is None else right
    bias = given["self"] if constant(given["self"]) and given["self"].dim() == 1 else None
    return _of_two(left, right, bias, constant)


def _of_two(left: Tensor, right: Tensor, bias: Tensor | None, constant: Constant) -> ProductCall | None:
    """A product of matrices, whichever of them is the weight."""
    fixed_left, fixed_right = constant(left), constant(right)
    if fixed_left and fixed_right:
        return None
    if fixed_right:
        return _with_weight(left, right, bias, right)
    if fixed_left:
        turned = right if right.dim() == 1 else right.transpose(-1, -2)
        weight = left if left.dim() == 1 else left.transpose(-1, -2)
        product = _with_weight(turned, weight, bias, left)
        return product if min(left.dim(), right.dim()) == 1 else replace(product, form="turned")
    if left.dim() < 2 or right.dim() < 2:
        left = left.unsqueeze(0) if left.dim() < 2 else left
        right = right.unsqueeze(-1) if right.dim() < 2 else right
    return ProductCall("pair", left, right)


def _with_weight(x: Tensor, weight: Tensor, bias: Tensor | None, operand: Tensor) -> ProductCall:
    """`x (..., K)` times a weight `(K)`, `(K, M)`, or one of them a group, `(G, K, M)`."""
    if weight.dim() == 1:
        weight = weight.unsqueeze(-1)
    while weight.dim() > 2 and weight.shape[0] > 1 and weight.stride(0) == 0:  # one weight, repeated
        weight = weight[0]
    while weight.dim() > 2 and weight.shape[0] == 1:
        weight = weight.squeeze(0)
        x = x.squeeze(0) if x.dim() > 2 and x.shape[0] == 1 else x
    if weight.dim() == 2:
        return ProductCall("linear", x, weight.transpose(0, 1), bias, operand=operand)
    if weight.dim() == 3 and x.dim() == 3 and x.shape[0] == weight.shape[0]:
        grouped = x.transpose(0, 1).flatten(1)
        return ProductCall("linear", grouped, weight.transpose(1, 2), bias, operand=operand, form="grouped")
    raise UnknownProductError(f"a product with a weight of shape {tuple(weight.shape)}")


def _convolution(given: Mapping[str, Any], constant: Constant) -> ProductCall | None:
    x, weight = given["input"], given["weight"]
    if constant(x):
        return None
    if not constant(weight):
        raise UnknownProductError("a convolution whose kernel is computed from activations")
    axes = weight.dim() - 2
    transposed = bool(given.get("transposed", "output_padding" in given))
    stride, dilation = _each(given["stride"], axes), _each(given["dilation"], axes)
    geometry = Geometry(
        stride=stride,
        padding=_padding(given["padding"], axes, weight.shape[2:], dilation),
        dilation=dilation,
        transposed=transposed,
        output_padding=_each(given.get("output_padding", 0), axes),
        groups=int(given["groups"]),
    )
    single = x.dim() < axes + 2
    return ProductCall(
        kind="convolution",
        x=x.unsqueeze(0) if single else x,
        other=weight,
        bias=given["bias"],
        geometry=geometry,
        operand=weight,
        form="single" if single else "plain",
    )


def _padding(given: Any, axes: int, kernel: Any, dilation: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    if given == "valid":
        return ((0, 0),) * axes
    if given == "same":
        totals = [step * (size - 1) for step, size in zip(dilation, kernel, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return tuple((size, size) for size in _each(given, axes))


def _each(value: Any, axes: int) -> tuple[int, ...]:
    sizes = (value,) if isinstance(value, int) else tuple(value)
    return sizes * axes if len(sizes) == 1 else sizes


def _embedding(given: Mapping[str, Any], constant: Constant) -> ProductCall | None:
    if constant(given["indices"]):
        return None
    if not constant(given["weight"]):
        raise UnknownProductError("a look-up in a table that is computed from activations")
    return ProductCall("embedding", given["indices"], given["weight"], operand=given["weight"])


_READERS: Final[dict[str, Callable[[Mapping[str, Any], Constant], ProductCall | None]]] = {
    "aten::linear": _linear,
    **dict.fromkeys(("aten::matmul", "aten::mm", "aten::bmm", "aten::mv", "aten::dot"), _matmul),
    **dict.fromkeys(("aten::addmm", "aten::baddbmm", "aten::addbmm", "aten::addmv"), _addmm),
    **dict.fromkeys((f"aten::conv{axes}d" for axes in (1, 2, 3)), _convolution),
    **dict.fromkeys((f"aten::conv_transpose{axes}d" for axes in (1, 2, 3)), _convolution),
    "aten::convolution": _convolution,
    "aten::embedding": _embedding,
}

PRODUCTS: Final[frozenset[str]] = frozenset(_READERS)
"""Operators that are counted."""

REFUSED: Final[frozenset[str]] = frozenset(
    f"aten::{name}"
    for name in (
        *("_embedding_bag", "_embedding_bag_forward_only", "mkldnn_rnn_layer", "_thnn_fused_lstm_cell"),
        *("_thnn_fused_gru_cell", "_trilinear", "cdist", "_cdist_forward", "conv_tbc", "addr", "vdot", "ger"),
        *(
            "_sparse_mm",
            "_sparse_addmm",
            "sparse_sampled_addmm",
            "_int_mm",
            "_scaled_mm",
            "_native_multi_head_attention",
        ),
        *(
            "_transformer_encoder_layer_fwd",
            "_scaled_dot_product_flash_attention_for_cpu",
            "_addmm_activation",
        ),
        *(
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_efficient_attention",
            "linear_backward",
        ),
        *("_scaled_dot_product_cudnn_attention", "_flash_attention_forward", "_efficient_attention_forward"),
        *(
            "mkldnn_linear",
            "_mkldnn_linear",
            "mkldnn_convolution",
            "_weight_int4pack_mm",
            "_weight_int8pack_mm",
        ),
        *(
            "fft_fft",
            "_fft_r2c",
            "_fft_c2c",
            "_fft_c2r",
            "linalg_solve",
            "_linalg_solve_ex",
            "grid_sampler_2d",
        ),
    )
)
"""Operators of torch that multiply and add up, and are not counted."""

KEPT_WHOLE: Final[frozenset[str]] = frozenset(
    {
        *_READERS,
        *(
            f"aten::{name}"
            for name in ("to", "reshape", "reshape_as", "flatten", "dropout", "batch_norm", "group_norm")
        ),
        *(
            f"aten::{name}"
            for name in ("layer_norm", "instance_norm", "max_pool1d", "max_pool2d", "max_pool3d")
        ),
        *(f"aten::{name}" for name in ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")),
        *(
            f"aten::{name}"
            for name in ("avg_pool1d", "avg_pool2d", "avg_pool3d", "contiguous", "view_as", "chunk")
        ),
        *(
            f"aten::{name}"
            for name in ("softmax", "log_softmax", "feature_dropout", "type_as", "expand_as", "pad")
        ),
        *(f"aten::{name}" for name in ("unflatten", "upsample_nearest2d", "interpolate", "numpy_T", "where")),
    }
)
"""Composite operators that need not be opened: products themselves, and those without any inside."""

RECURRENT: Final[frozenset[str]] = frozenset({"aten::lstm", "aten::gru", "aten::rnn_tanh", "aten::rnn_relu"})
"""Whole recurrent networks in one operator; opened step by step with oneDNN off, which hides the steps."""


def foreign(func: Any) -> bool:
    """Whether an operator is of somebody's own library, of which nothing is known."""
    return func._schema.name.partition("::")[0] not in ("aten", "prim", "prims", "profiler", "inductor")


def calm() -> Any:
    """A context in which attention runs operator by operator, so that its products are seen."""
    return torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
