"""Training in logarithmic numbers: what leaves layers, the errors that come back, and gradients."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor, nn

from spareto.kernels import Spikes
from spareto.records import LogarithmicPlan, UpdatePlan
from spareto.training.health import spiking_layers
from spareto.training.updating import on_grid


def rounded(values: Tensor, bits: int) -> Tensor:
    """The nearest of `± max|x| · 2^(−k/γ)`, `k = 0 .. 2^(bits−1) − 1`, in the logarithm; zeros stay zero.

    Args:
        values: Any shape.
        bits: One of the sign, the others of the exponent; γ is 2^(bits−1) / 16, so that they span 16 octaves.

    Returns:
        Same shape. What lies below the smallest magnitude becomes that.

    Reference:
        zhao2022 (LNS-Madam), section III; the zero is ours: most errors of a spiking network are zero.
    """
    size = values.detach().abs()
    top = size.max() if size.numel() else size.new_zeros(())
    if not bool(top > 0) or not bool(torch.isfinite(top)):
        return values
    return torch.where(size > 0, on_grid(values, UpdatePlan(bits=bits), top), 0.0)


class LogarithmicLayers:
    """A context in which layers of neurons pass on rounded numbers, and get rounded errors back.

    Spikes are 0 and 1 and stay so; what an average pooling makes of them is rounded.

    Args:
        network: The network that will run.
        plan: Widths.
    """

    def __init__(self, network: nn.Module, plan: LogarithmicPlan) -> None:
        self.network, self.plan = network, plan
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self.plan.activations or self.plan.errors:
            for module, place in spiking_layers(self.network).values():
                hook = module.register_forward_hook(self._hook(place))
                self._stack.callback(hook.remove)
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.close()

    def _hook(self, place: Any) -> Any:
        def passed_on(module: nn.Module, given: Any, output: Any) -> Any:
            if isinstance(output, Spikes | Tensor):
                return self._rounded(output)
            return tuple(self._rounded(part) if n == place else part for n, part in enumerate(output))

        return passed_on

    def _rounded(self, output: Any) -> Any:
        if isinstance(output, Spikes):
            if self.plan.errors and output.carrier.requires_grad:
                output.carrier.register_hook(self._error)
            return output
        return _Rounded.apply(output, self.plan.activations, self.plan.errors)

    def _error(self, grad: Tensor) -> Tensor:
        assert self.plan.errors is not None, "hooked only where errors are rounded"
        return rounded(grad, self.plan.errors)


def round_gradients(weights: Any, plan: LogarithmicPlan) -> None:
    """Round the gradients of these weights in place, each tensor by its own largest."""
    if plan.gradients:
        for weight in weights:
            if weight.grad is not None:
                weight.grad.copy_(rounded(weight.grad, plan.gradients))


class _Rounded(torch.autograd.Function):
    """Values to one width, their gradient, which passes straight through, to another."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, forward: int | None, backward: int | None) -> Tensor:
        ctx.bits = backward
        return rounded(values, forward) if forward else values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return rounded(grads[0], ctx.bits) if ctx.bits else grads[0], None, None
