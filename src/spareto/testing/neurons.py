"""What every spiking neuron must keep, as functions: call them from the tests of your own neuron.

`current` is always `(time, batch, ...)`, on the device of the neuron.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from spareto.neurons import SpikingNeuron
from spareto.neurons._base import by_steps as by_steps

Loss = Callable[[Tensor], Tensor]


def check_spikes(neuron: SpikingNeuron, current: Tensor) -> None:
    """Spikes are 0 or 1, of the shape and type of the currents, which are left as they were.

    A neuron that says it `counts` emits whole numbers from 0 on instead.
    """
    before = current.clone()
    spikes = neuron(current)
    assert spikes.shape == current.shape, f"{tuple(current.shape)} became {tuple(spikes.shape)}"
    assert spikes.dtype == current.dtype, f"{current.dtype} became {spikes.dtype}"
    if neuron.counts:
        assert bool(((spikes >= 0) & (spikes == spikes.round())).all()), "a count that is no whole number"
    else:
        assert bool(((spikes == 0) | (spikes == 1)).all()), "a spike that is neither 0 nor 1"
    assert torch.equal(current, before), "the currents were changed in place"


def check_step_is_pure(neuron: SpikingNeuron, current: Tensor) -> None:
    """`step` changes neither its state nor its currents, and gives the same for the same."""
    state = neuron.initial_state(current[0])
    _, state = neuron.step(current[0], state)
    kept, now = [part.clone() for part in tensors(state)], current[-1].clone()
    first, after = neuron.step(current[-1], state)
    again, after_again = neuron.step(current[-1], state)
    assert torch.equal(first, again), "the same step gave other spikes"
    assert _same(after, after_again), "the same step gave another state"
    assert all(map(torch.equal, tensors(state), kept)), "the state was changed in place"
    assert torch.equal(current[-1], now), "the currents were changed in place"


def check_continues(neuron: SpikingNeuron, current: Tensor, first: int) -> None:
    """T timesteps are `first` timesteps, then the rest from the state they left; by steps and by `run`."""
    whole, last = by_steps(neuron, current)
    for way in (by_steps, _run):
        head, state = way(neuron, current[:first])
        tail, end = way(neuron, current[first:], state)
        joined = torch.cat([head, tail])
        assert torch.equal(joined, whole), f"a break after timestep {first} changes the spikes"
        assert _same(end, last), f"a break after timestep {first} changes the last state"


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
    """Gradients of `forward` are those of autograd through the loop, relative to the largest entry.

    Looks at the gradient of the currents and of every parameter.
    """
    cotangent = _drawn_like(current)
    fast = gradients(neuron, lambda x: (neuron(x) * cotangent).sum(), current)
    slow = gradients(neuron, lambda x: (by_steps(neuron, x)[0] * cotangent).sum(), current)
    assert fast["currents"] is not None or current.numel() == 0, "no gradient reaches the currents"
    _compare(fast, slow, tolerance)


def check_run_carries_gradients(neuron: SpikingNeuron, current: Tensor, tolerance: float = 1e-5) -> None:
    """Gradients through `run`, cut in two, are those of autograd through the loop, last state included."""
    cotangent = _drawn_like(current)

    def loss(way: Callable[..., tuple[Tensor, Any]], x: Tensor) -> Tensor:
        middle = len(x) // 2
        head, state = way(neuron, x[:middle])
        tail, last = way(neuron, x[middle:], state)
        floating = sum((part * (n + 1)).sum() for n, part in enumerate(tensors(last)))
        return (torch.cat([head, tail]) * cotangent).sum() + floating

    fast = gradients(neuron, lambda x: loss(_run, x), current)
    slow = gradients(neuron, lambda x: loss(by_steps, x), current)
    _compare(fast, slow, tolerance)


def gradients(neuron: SpikingNeuron, loss: Loss, current: Tensor) -> dict[str, Tensor | None]:
    """Gradients of a loss with respect to the currents and to every parameter."""
    leaf = current.detach().clone().requires_grad_()
    named = {"currents": leaf, **dict(neuron.named_parameters())}
    found = torch.autograd.grad(loss(leaf), list(named.values()), allow_unused=True)
    return dict(zip(named, found, strict=True))


def tensors(state: Any) -> list[Tensor]:
    """The tensors of a state, which may be one or a tuple of states."""
    return [state] if isinstance(state, Tensor) else [part for inner in state for part in tensors(inner)]


def _drawn_like(current: Tensor) -> Tensor:
    """The same numbers on every device."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(current.shape, generator=generator, dtype=current.dtype).to(current.device)


def _run(neuron: SpikingNeuron, current: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    return neuron.run(current, state)


def _same(one: Any, other: Any) -> bool:
    return all(map(torch.equal, tensors(one), tensors(other)))


def _compare(fast: dict[str, Tensor | None], slow: dict[str, Tensor | None], tolerance: float) -> None:
    for name, expected in slow.items():
        found = fast[name]
        if expected is None or expected.numel() == 0:
            continue
        assert found is not None, f"no gradient reaches {name}"
        assert bool(torch.isfinite(found).all()), f"a gradient of {name} that is not finite"
        error = float((found - expected).abs().max() / expected.abs().max().clamp_min(1e-30))
        assert error <= tolerance, f"the gradient of {name} is off by {error:.2g} of its largest entry"
