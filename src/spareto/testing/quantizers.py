"""What every weight quantizer must keep, as functions: call them from the tests of your own quantizer.

`quantizer` has been started on a weight; `weight` is finite, shape `(out channels, ...)`.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor

from spareto.quantizers import Quantizer


def check_scale(quantizer: Quantizer, weight: Tensor) -> None:
    """The largest code stands for more than the smallest in every group, and both for finite values."""
    low, high = (
        quantizer.decode(torch.full(weight.shape, code, dtype=torch.int32)) for code in quantizer.code_range
    )
    assert bool((high > low).all()), "a scale that is not above 0"
    assert bool(torch.isfinite(low).all() and torch.isfinite(high).all()), "a scale that is not finite"


def check_codes(quantizer: Quantizer, weight: Tensor) -> None:
    """Codes are 32-bit integers of the weight's shape inside `code_range`, which fits into `bits`."""
    codes, (low, high) = quantizer.encode(weight), quantizer.code_range
    assert codes.dtype == torch.int32, f"codes of type {codes.dtype}"
    assert codes.shape == weight.shape, f"{tuple(weight.shape)} became {tuple(codes.shape)}"
    assert int(codes.min()) >= low, f"code {int(codes.min())} is below {low}"
    assert int(codes.max()) <= high, f"code {int(codes.max())} is above {high}"
    reachable = 2 if quantizer.bits == 1 else high - low + 1
    assert reachable <= 2**quantizer.bits, f"{reachable} codes do not fit into {quantizer.bits} bits"


def check_forward_is_its_codes(quantizer: Quantizer, weight: Tensor) -> None:
    """In training and in evaluation, the forward pass is `decode(encode(weight))`, bit for bit.

    One that is `soft` is looked at in evaluation only.
    """
    copy = deepcopy(quantizer)
    for training in (False,) if quantizer.soft else (True, False):
        copy.train(training)
        computed = copy(weight).detach()
        stored = copy.decode(copy.encode(weight)).detach()
        mode = "training" if training else "evaluation"
        assert torch.equal(computed, stored), f"{mode}: the forward pass is not what the codes stand for"
        assert torch.equal(computed.signbit(), stored.signbit()), f"{mode}: a negative zero"


def check_idempotent(quantizer: Quantizer, weight: Tensor) -> None:
    """At fixed scale a quantized weight keeps its code, where the quantizer says it is `idempotent`."""
    if not quantizer.idempotent:
        return
    copy = deepcopy(quantizer).eval()
    codes = copy.encode(weight)
    again = copy.encode(copy.decode(codes))
    assert torch.equal(again, codes), f"{int((again != codes).sum())} codes move when quantized again"


def check_levels(quantizer: Quantizer, weight: Tensor) -> None:
    """A group takes no more values than there are codes: three, for 2 bits with a symmetric range."""
    weight = weight if quantizer.granularity == "per_channel" else weight.reshape(1, -1)
    low, high = quantizer.code_range
    most = 2 if quantizer.bits == 1 else high - low + 1
    taken = max(len(row.unique()) for row in quantizer.eval()(weight).reshape(len(weight), -1))
    assert taken <= most, f"{taken} levels from {most} codes"


def check_facts(quantizer: Quantizer, weight: Tensor) -> None:
    """What the class declares is true: `monotone`, `keeps_zero`, `nearest`."""
    quantizer = deepcopy(quantizer).eval()
    if quantizer.keeps_zero:
        zeros = quantizer(torch.zeros_like(weight))
        assert not bool(zeros.any()), f"zero became {zeros.abs().max().item()}"
    if quantizer.monotone:
        _check_monotone(quantizer, weight)
    if quantizer.nearest:
        _check_nearest(quantizer, weight)


def _check_monotone(quantizer: Quantizer, weight: Tensor) -> None:
    if quantizer.granularity == "per_channel":
        rising = weight.flatten(1).sort(dim=1).values.view_as(weight)
        steps = quantizer(rising).flatten(1).diff(dim=1)
    else:
        steps = quantizer(weight.flatten().sort().values.view_as(weight)).flatten().diff()
    assert bool((steps >= 0).all()), "a larger weight got a smaller value"


def _check_nearest(quantizer: Quantizer, weight: Tensor) -> None:
    """No neighbouring code stands for a value nearer to the weight, but for the rounding of floats."""
    codes = quantizer.encode(weight)
    value = quantizer.decode(codes).double()
    error = (value - weight).abs()
    slack = 2e-6 * (value.abs() + weight.double().abs()) + 1e-44
    for step in (-1, 1):
        neighbour = -codes if quantizer.bits == 1 else (codes + step).clamp(*quantizer.code_range)
        other = (quantizer.decode(neighbour).double() - weight).abs()
        assert bool((error <= other + slack).all()), "a neighbouring code is nearer"


def check_gradient(quantizer: Quantizer, weight: Tensor) -> None:
    """The gradient that reaches the weight is finite, and none is left out."""
    for training in (True, False):
        copy = deepcopy(quantizer).train(training)
        leaf = weight.detach().clone().requires_grad_()
        copy(leaf).sum().backward()
        assert leaf.grad is not None, "no gradient reaches the weight"
        assert bool(torch.isfinite(leaf.grad).all()), "a gradient that is not finite"


def check_follows(quantizer: Quantizer, weight: Tensor) -> None:
    """Buffers stay as they are, but for those of a quantizer that `follows` the weights, in training."""
    for training in (True, False):
        copy = deepcopy(quantizer).train(training)
        before = {name: buffer.clone() for name, buffer in copy.named_buffers()}
        copy(weight / 2)
        changed = [name for name, buffer in copy.named_buffers() if not torch.equal(buffer, before[name])]
        assert not changed or (training and quantizer.tracks_weights), f"{', '.join(changed)} changed"


def check_copies(quantizer: Quantizer, weight: Tensor) -> None:
    """A deep copy, and a quantizer that was started on another weight and given the state dict, agree."""
    quantizer = deepcopy(quantizer).eval()
    expected = quantizer(weight)
    other = type(quantizer)(quantizer.bits, granularity=quantizer.granularity, rounding=quantizer.rounding)
    other.start(torch.ones_like(weight))
    other.load_state_dict(quantizer.state_dict())
    assert torch.equal(deepcopy(quantizer)(weight), expected), "a deep copy quantizes differently"
    assert torch.equal(other.eval()(weight), expected), "the state dict does not hold the whole state"


def check_channels_independent(quantizer: Quantizer, weight: Tensor) -> None:
    """Per channel, what one channel's codes are does not depend on the others."""
    if quantizer.granularity == "per_tensor":
        return
    quantizer = deepcopy(quantizer).eval()
    quantizer.start(weight)
    expected = quantizer.encode(weight)[:1]
    changed = torch.cat([weight[:1], 3.0 - weight[1:] / 2])
    quantizer.start(changed)
    assert torch.equal(quantizer.encode(changed)[:1], expected), "channel 0 depends on the other channels"
