"""Putting kept states back before a batch, and finding states that nothing puts back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, MutableSequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spareto.core.errors import ConfigError, Problem
from spareto.frameworks import keeps_state, reset_state
from spareto.running.interface import NEVER, Interface

RESET_CURE = 'Say what resets it: reset="name of a method", or reset=a function of the network.'

Reset = Callable[[], object]


def resetting(network: nn.Module, interface: Interface) -> tuple[Reset, tuple[str, ...]]:
    """What puts the network's states back, and what is said of it; it is called once.

    Raises:
        ConfigError: No module has a method of the stated name.
    """
    stated = interface.reset
    if stated is None:
        if not keeps_state(network):
            return (lambda: None), ()
        return (lambda: reset_state(network)), reset_state(network)
    if stated == NEVER:
        return (lambda: None), ("Its states are kept from batch to batch, as stated.",)
    if callable(stated):
        stated(network)
        return (lambda: stated(network)), ("Its states are reset before every batch, as stated.",)
    methods = _methods(network, stated)
    if not methods:
        rule = "the name of a method that the network or one of its modules has"
        raise ConfigError(Problem("reset", repr(stated), rule, RESET_CURE))
    _call_all(methods)
    return (lambda: _call_all(methods)), (f"{stated}() is called before every batch, as stated.",)


def _call_all(methods: list[Callable[[], object]]) -> None:
    for method in methods:
        method()


def _methods(network: nn.Module, name: str) -> list[Callable[[], object]]:
    """The network's own method of that name, else those of its modules."""
    own = getattr(network, name, None)
    if callable(own) and not isinstance(own, nn.Module):
        return [own]
    inner = (getattr(module, name, None) for module in network.modules())
    return [method for method in inner if callable(method) and not isinstance(method, nn.Module)]


@dataclass(frozen=True)
class Slot:
    """A place where a module keeps a tensor.

    Args:
        name: The place, as in `block.lif.mem`.
        holder: The attributes, buffers, list or dict that hold it.
        key: Where in the holder.
    """

    name: str
    holder: MutableMapping[Any, Any] | MutableSequence[Any]
    key: Any

    @property
    def tensor(self) -> Tensor:
        """The tensor that is there now."""
        return self.holder[self.key]

    def mark(self) -> tuple[int, int | None]:
        """Changes when another tensor comes here, or other values into this one."""
        tensor = self.tensor
        return id(tensor), None if tensor.is_inference() else tensor._version

    def put(self, tensor: Tensor) -> None:
        """Put another tensor here."""
        self.holder[self.key] = tensor


def slots(network: nn.Module) -> Iterator[Slot]:
    """Every tensor that modules keep, weights aside; not what a known framework's classes keep and reset."""
    known = {network.get_submodule(name) for name in keeps_state(network)}
    for name, module in network.named_modules():
        own = vars(module)
        if module in known and not type(module).__module__.startswith("__"):
            continue
        for holder in (own, module._buffers):
            yield from _in(holder, name, depth=0)


def _in(holder: Any, name: str, depth: int) -> Iterator[Slot]:
    pairs = list(holder.items() if isinstance(holder, MutableMapping) else enumerate(holder))
    for key, value in pairs:
        place = f"{name}.{key}".lstrip(".")
        if isinstance(value, nn.Parameter) or str(key) in ("_parameters", "_buffers", "_modules"):
            continue
        if isinstance(value, Tensor):
            yield Slot(place, holder, key)
        elif isinstance(value, MutableMapping | list) and depth < 2:
            yield from _in(value, place, depth + 1)


def marks(network: nn.Module) -> dict[str, tuple[int, int | None]]:
    """What marks the tensors that modules keep now."""
    return {slot.name: slot.mark() for slot in slots(network)}


def left_behind(network: nn.Module, before: dict[str, tuple[int, int | None]]) -> list[Slot]:
    """Where a run left other tensors than there were."""
    return [slot for slot in slots(network) if before.get(slot.name) != slot.mark()]


SPOILED: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda kept: kept + 1 + kept.abs(),
    lambda kept: kept - 1 - kept.abs(),
    torch.zeros_like,
)
"""Other values, of the same shape, that a state is given to see whether an answer heeds it."""


def spoiled(
    left: list[Slot], spoil: Callable[[Tensor], Tensor], run: Callable[[], list[Tensor]]
) -> list[Tensor]:
    """What a run gives that starts from other tensors than were left behind."""
    for slot in left:
        if slot.tensor.is_floating_point():
            slot.put(spoil(slot.tensor))
    return run()


def reaches(left: list[Slot], run: Callable[[], list[Tensor]]) -> bool:
    """Whether what a run computes hangs, in torch's graph, on the tensors left behind before.

    Args:
        left: Where they are.
        run: Runs the network and gives the parts of its output.
    """
    with torch.enable_grad():
        starts: list[Tensor] = []
        for slot in left:
            if slot.tensor.is_floating_point():
                starts.append(slot.tensor.detach().clone().requires_grad_())
                slot.put(starts[-1].clone())  # which may be changed in place
        ends = [part.sum() for part in run() if part.requires_grad]
        if not starts or not ends:
            return False
        found = torch.autograd.grad(ends, starts, allow_unused=True)
    return any(gradient is not None for gradient in found)


def refuse_kept(found: list[Slot], reset: object) -> None:
    """Say which states carry over from batch to batch.

    Raises:
        ConfigError: Always.
    """
    named = ", ".join(f"'{slot.name}'" for slot in found[:4]) + (", ..." if len(found) > 4 else "")
    got = f"a state in {named} that changes the next batch's answer"
    rule = "states that are reset before every batch"
    cure = RESET_CURE if reset is None else "The stated reset does not reset it."
    raise ConfigError(Problem("network", got, rule, cure))


def same(one: Any, other: Any, tolerance: float = 1e-5) -> bool:
    """Whether two lists of tensors agree, non-numbers included."""
    pairs = list(zip(one, other, strict=False))
    if len(one) != len(other) or any(a.shape != b.shape for a, b in pairs):
        return False
    return all(torch.allclose(a.float(), b.float(), tolerance, tolerance, equal_nan=True) for a, b in pairs)
