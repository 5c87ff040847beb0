"""What neurons refuse: currents and states that are not theirs."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from spareto.core.errors import Problem, ShapeError


def check_current(neuron: nn.Module, current: Tensor) -> None:
    """Check that currents can be run through time.

    Raises:
        ShapeError: They have no time and batch axes, or are not real numbers.
    """
    if current.dim() >= 2 and current.is_floating_point():
        return
    problems: list[Problem] = []
    if current.dim() < 2:
        got, rule = f"a tensor of shape {tuple(current.shape)}", "currents of shape (time, batch, ...)"
        problems.append(Problem(place(neuron), got, rule, "Put the timesteps first."))
    if not current.is_floating_point():
        got = str(current.dtype)
        problems.append(Problem(place(neuron), got, "floating-point currents", "Call .float() on them."))
    raise ShapeError(problems)


def place(neuron: nn.Module) -> str:
    """What messages call a neuron: by the name it is registered under."""
    return f"neuron '{type(neuron).__module__.rpartition('.')[2]}'"


def now_of(current: Tensor) -> Tensor:
    """Currents of one timestep: those of the first, or none where there is none."""
    return current[0] if len(current) else current.new_empty(current.shape[1:])


def check_state(neuron: nn.Module, state: Any, like: Any) -> None:
    """Check that a state is one of the neuron and its currents.

    Args:
        neuron: The neuron.
        state: What was given.
        like: A state as it must be: a tensor, or a tuple of states.

    Raises:
        ShapeError: It has other tensors, or they have other shapes or types, or lie elsewhere.
    """
    if _same(state, like):
        return
    for said in (_kinds, _shapes, _nests, _types):
        got, rule = said(state), said(like)
        if got != rule:
            raise ShapeError(Problem(f"{place(neuron)}.state", got, rule, "Pass what run or step returned."))


def _same(state: Any, like: Any) -> bool:
    if isinstance(like, tuple):
        return isinstance(state, tuple) and len(state) == len(like) and all(map(_same, state, like))
    if not isinstance(state, Tensor) or state.shape != like.shape:
        return False
    return state.dtype == like.dtype and state.device == like.device


def _leaves(state: Any) -> list[Any]:
    return [leaf for part in state for leaf in _leaves(part)] if isinstance(state, tuple) else [state]


def _kinds(state: Any) -> str:
    others = [type(leaf).__name__ for leaf in _leaves(state) if not isinstance(leaf, Tensor)]
    return f"a {others[0]}" if others else "tensors, or tuples of them"


def _shapes(state: Any) -> str:
    shapes = [str(tuple(leaf.shape)) for leaf in _leaves(state)]
    return f"{len(shapes)} tensor{'s' * (len(shapes) != 1)} of shape {_once(shapes)}"


def _nests(state: Any) -> str:
    return f"({', '.join(map(_nests, state))})" if isinstance(state, tuple) else "tensor"


def _types(state: Any) -> str:
    return _once([f"{leaf.dtype} on {leaf.device}" for leaf in _leaves(state)])


def _once(said: list[str]) -> str:
    """What is said of all, once if it is the same of each."""
    return ", ".join(said[:1] if len(set(said)) == 1 else said)
