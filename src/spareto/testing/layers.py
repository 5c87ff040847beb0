"""What a layer with a fused path must keep, as functions: call them from the tests of your own layer.

`sequence` is `(time, batch, ...)`; `make` gives a layer with fresh weights.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from spareto import kernels
from spareto.core.errors import ConfigError
from spareto.kernels import spikes as bits
from spareto.neurons import SpikingNeuron

Make = Callable[[], nn.Module]
GRADIENT_TOLERANCE = 1e-5


def decided_by_rounding(layer: nn.Module, sequence: Tensor) -> bool:
    """Whether float64 gives other spikes than float32: such a case tells nothing about a kernel.

    All neurons are asked, also those whose spikes a pooling hides: their gradients are not hidden.
    """
    single, double = _all_spikes(layer, sequence), _all_spikes(deepcopy(layer).double(), sequence.double())
    return not all(torch.equal(one.double(), other) for one, other in zip(single, double, strict=True))


def _all_spikes(layer: nn.Module, sequence: Tensor) -> list[Tensor]:
    """Spikes of every layer of neurons, in the plain torch network."""
    layer, spikes = deepcopy(layer), list[Tensor]()

    def note(neuron: nn.Module, inputs: Any, fired: Any) -> None:
        spikes.append(fired)

    for part in layer.modules():
        if isinstance(part, SpikingNeuron):
            part.register_forward_hook(note)
    with torch.no_grad(), kernels.reference():
        layer(sequence)
    return spikes


def check_fused(
    layer: nn.Module, sequence: Tensor, *, recompute: bool = False, tolerance: float = GRADIENT_TOLERANCE
) -> None:
    """The fused path gives the reference's spikes, statistics and, to rounding, gradients.

    A gradient may be off the float64 one by the tolerance, or ten times what the reference is off: one that
    is zero, as of a bias before batch norm, is rounding only. The gradient of a single number sums terms of
    all neurons and timesteps that cancel: it is held to a hundredth of all gradients if that is more.

    Args:
        layer: One layer or a stack of them, in training or evaluation mode.
        sequence: What comes in.
        recompute: Keep only spikes for the backward pass.
        tolerance: Relative error of each gradient.
    """
    fast, slow = deepcopy(layer), deepcopy(layer)
    exact = deepcopy(layer).double()
    with kernels.options(recompute=recompute):
        spikes, gradients = _run(fast, sequence)
    with kernels.reference():
        expected, slow_gradients = _run(slow, sequence)
        _, exact_gradients = _run(exact, sequence.double())
    assert spikes.shape == expected.shape, f"shape {tuple(spikes.shape)}, not {tuple(expected.shape)}"
    assert torch.equal(spikes, expected), f"{int((spikes != expected).sum())} other spikes"
    _check_buffers(fast, slow)
    assert gradients.keys() == slow_gradients.keys(), "only one path has some gradients"
    whole = float(torch.cat([truth.flatten() for truth in exact_gradients.values()]).norm())
    for name, gradient in gradients.items():
        truth = exact_gradients.get(name, torch.zeros_like(gradient, dtype=torch.float64))  # none is zero
        size = max(float(truth.norm()), 0.01 * whole if truth.numel() == 1 else 0.0)
        error, usual = (float((one.double() - truth).norm()) for one in (gradient, slow_gradients[name]))
        allowed = tolerance * size + 10 * usual
        assert error <= allowed, f"gradient of {name}: error {error:.2e}, allowed {allowed:.2e}"


def _run(layer: nn.Module, sequence: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Spikes, and the gradients of a fixed random sum of them."""
    own = sequence.detach().requires_grad_(sequence.requires_grad)
    spikes = kernels.dense(layer(own))
    weights = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(7))
    (spikes * weights.to(spikes.dtype)).sum().backward()
    named = [("input", own), *layer.named_parameters()]
    return spikes.detach(), {name: tensor.grad for name, tensor in named if tensor.grad is not None}


def check_repeatable(layer: nn.Module, sequence: Tensor) -> None:
    """Twice the same gives the same bits, gradients included."""
    runs: list[list[Tensor]] = []
    for _ in range(2):
        own = deepcopy(layer)
        spikes = kernels.dense(own(sequence))
        spikes.square().sum().backward()
        runs.append([spikes, *(p.grad for p in own.parameters() if p.grad is not None)])
    assert all(map(torch.equal, *runs)), "the same layer gave something else the second time"


def check_time_batch_axes(layer: nn.Module, sequence: Tensor) -> None:
    """In evaluation, samples do not know of each other, and later timesteps do not change earlier ones."""
    layer.eval()
    with torch.no_grad():
        together = kernels.dense(layer(sequence))
        for sample in range(sequence.shape[1]):
            alone = kernels.dense(layer(sequence[:, sample : sample + 1]))
            assert torch.equal(alone[:, 0], together[:, sample]), f"sample {sample} depends on its batch"
        first = kernels.dense(layer(sequence[:1]))
        assert torch.equal(first[0], together[0]), "the future changes the first timestep"


def check_refused(layer: nn.Module, sequence: Tensor) -> None:
    """A sequence that does not fit is refused by name, as a tensor and as spikes, on either path."""
    packed = bits.pack(sequence) if sequence.dtype is torch.float32 and sequence.dim() > 2 else None
    for given in (sequence, sequence[:, :0], *([] if packed is None else [packed])):
        for way in (nullcontext, kernels.reference):
            refusal = ""
            try:
                with way():
                    layer(given)
            except ConfigError as error:
                refusal = str(error)
            assert refusal.startswith("layer '"), f"{given} is not refused: {refusal!r}"


def _check_buffers(fast: nn.Module, slow: nn.Module) -> None:
    others = dict(slow.named_buffers())
    for name, own in fast.named_buffers():
        close = torch.allclose(own.double(), others[name].double(), rtol=1e-5, atol=1e-6)
        assert close, f"{name} is {own}, not {others[name]}"
