"""What every spiking neuron must keep, as functions: call them from the tests of your own neuron.

`current` is always `(time, batch, ...)`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spareto.neurons import SpikingNeuron


def by_steps(
    neuron: SpikingNeuron, current: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Spikes and last state of the plain loop over `neuron.step`, the definition of the neuron."""
    spikes: list[Tensor] = []
    for now in current:
        state = neuron.initial_state(now) if state is None else state
        fired, state = neuron.step(now, state)
        spikes.append(fired)
    return (torch.stack(spikes) if spikes else torch.empty_like(current)), state


def check_spikes(neuron: SpikingNeuron, current: Tensor) -> None:
    """Spikes are 0 or 1, of the shape and type of the currents, which are left as they were."""
    before = current.clone()
    spikes = neuron(current)
    assert spikes.shape == current.shape, f"{tuple(current.shape)} became {tuple(spikes.shape)}"
    assert spikes.dtype == current.dtype, f"{current.dtype} became {spikes.dtype}"
    assert bool(((spikes == 0) | (spikes == 1)).all()), "a spike that is neither 0 nor 1"
    assert torch.equal(current, before), "the currents were changed in place"


def check_continues(neuron: SpikingNeuron, current: Tensor, first: int) -> None:
    """T timesteps are `first` timesteps, then the rest from the state they left."""
    whole, last = by_steps(neuron, current)
    head, state = by_steps(neuron, current[:first])
    tail, end = by_steps(neuron, current[first:], state)
    assert torch.equal(torch.cat([head, tail]), whole), f"a break after timestep {first} changes the spikes"
    assert last is None or (end is not None and torch.equal(end, last)), "a break changes the last state"


def check_batch_independent(neuron: SpikingNeuron, current: Tensor) -> None:
    """A sample spikes the same alone as among others."""
    together = neuron(current)
    for sample in range(current.shape[1]):
        alone = neuron(current[:, sample : sample + 1])
        assert torch.equal(alone, together[:, sample : sample + 1]), f"sample {sample} depends on its batch"


def check_forward_is_its_steps(neuron: SpikingNeuron, current: Tensor) -> None:
    """The fast `forward` gives exactly the spikes of the step-by-step loop."""
    expected, _ = by_steps(neuron, current)
    differ = int((neuron(current) != expected).sum())
    assert differ == 0, f"{differ} of {expected.numel()} spikes differ from the step-by-step loop"


def check_gradient_is_that_of_its_steps(
    neuron: SpikingNeuron, current: Tensor, tolerance: float = 1e-5
) -> None:
    """The gradient of `forward` is that of autograd through the loop, relative to the largest entry."""
    generator = torch.Generator().manual_seed(0)
    cotangent = torch.randn(current.shape, generator=generator, dtype=current.dtype)
    fast, slow = current.detach().clone().requires_grad_(), current.detach().clone().requires_grad_()
    (neuron(fast) * cotangent).sum().backward()
    (by_steps(neuron, slow)[0] * cotangent).sum().backward()
    assert fast.grad is not None, "no gradient reaches the currents"
    if slow.grad is None or slow.grad.numel() == 0:
        return
    assert bool(torch.isfinite(fast.grad).all()), "a gradient that is not finite"
    error = float((fast.grad - slow.grad).abs().max() / slow.grad.abs().max().clamp_min(1e-30))
    assert error <= tolerance, f"the gradient is off by {error:.2g} of its largest entry"
