"""Run a network and leave it as it was: modes, buffers, kept states and random numbers."""

from __future__ import annotations

import gc
import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

_HOOKS: Final = ("_forward_", "_backward_", "_state_dict_", "_load_state_dict_", "_is_full_backward_hook")


@contextmanager
def undisturbed(network: nn.Module, training: bool | None = None) -> Iterator[None]:
    """Whatever happens inside, the network is afterwards what it was before.

    Put back are the mode of every module, the values of buffers and which tensors they are, whatever modules
    keep in their attributes (tensors, lists, dicts and what these hold), and the random numbers of torch,
    numpy and Python. The weights are not copied: a forward pass does not write them.

    Args:
        network: Any module.
        training: Mode of every module inside; None leaves the modes as they are.
    """
    modules = list(dict.fromkeys(network.modules()))
    states = [_Kept(module) for module in modules]
    numbers = _random_state()
    try:
        if training is not None:
            network.train(training)
        yield
    finally:
        for state in states:
            state.restore()
        _restore_random(*numbers)


@contextmanager
def in_mode(network: nn.Module, training: bool | None = None) -> Iterator[None]:
    """Afterwards every module is in the mode that it was in; one made inside is in that of the network.

    Args:
        network: Any module.
        training: Mode of every module inside; None leaves the modes as they are.
    """
    own, modes = network.training, [(module, module.training) for module in network.modules()]
    try:
        if training is not None:
            network.train(training)
        yield
    finally:
        network.train(own)
        for module, mode in modes:
            module.training = mode


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is collected inside: looking through all of torch takes longer than a short trace."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class _Kept:
    """What one module holds, children and weights aside."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._parameters = dict(module._parameters)
        self._children = dict(module._modules)
        seen: dict[int, Any] = {}
        self._buffers = {name: _copy(buffer, seen) for name, buffer in module._buffers.items()}
        self._attributes = {
            name: _copy(value, seen) for name, value in vars(module).items() if not _is_structure(name)
        }

    def restore(self) -> None:
        own = vars(self._module)
        for name in [name for name in own if not _is_structure(name) and name not in self._attributes]:
            del own[name]
        own.update({name: copied.restored() for name, copied in self._attributes.items()})
        _refill(self._module._parameters, self._parameters)
        _refill(self._module._modules, self._children)
        _refill(self._module._buffers, {name: copied.restored() for name, copied in self._buffers.items()})


def _refill(held: dict[str, Any], before: dict[str, Any]) -> None:
    held.clear()
    held.update(before)


def _is_structure(name: str) -> bool:
    return name in ("_parameters", "_buffers", "_modules") or name.startswith(_HOOKS)


class _Same:
    """A value that nothing changes from inside."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def restored(self) -> Any:
        return self._value


class _Tensor:
    """A tensor and the values it had."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor, self._values = tensor, tensor.detach().clone()
        self._version = _version(tensor)

    def restored(self) -> Tensor:
        if self._version is None or self._version != _version(self._tensor):
            mode = torch.inference_mode() if self._tensor.is_inference() else torch.no_grad()
            with mode:
                self._tensor.detach().copy_(self._values)
        return self._tensor


class _List:
    """A list, deque or tuple and what it held."""

    def __init__(self, value: Any, seen: dict[int, Any]) -> None:
        self._value = value
        seen[id(value)] = self
        self._items = [_copy(item, seen) for item in value]
        self._done = False

    def restored(self) -> Any:
        if not self._done:
            self._done = True
            items = [item.restored() for item in self._items]
            if not isinstance(self._value, tuple):
                self._value.clear()
                self._value.extend(items)
        return self._value


class _Dict:
    """A dict and what it held."""

    def __init__(self, value: dict[Any, Any], seen: dict[int, Any]) -> None:
        self._value = value
        seen[id(value)] = self
        self._items = {key: _copy(item, seen) for key, item in value.items()}
        self._done = False

    def restored(self) -> Any:
        if not self._done:
            self._done = True
            items = {key: item.restored() for key, item in self._items.items()}
            self._value.clear()
            self._value.update(items)
        return self._value


def _copy(value: Any, seen: dict[int, Any]) -> Any:
    """What puts a value back; the same for a value that is met twice."""
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, Tensor) and not isinstance(value, nn.Parameter) and not is_lazy(value):
        seen[id(value)] = _Tensor(value)
        return seen[id(value)]
    if isinstance(value, (list, deque, tuple)):
        return _List(value, seen)
    if isinstance(value, dict):
        return _Dict(value, seen)
    return _Same(value)


def _version(tensor: Tensor) -> int | None:
    return None if tensor.is_inference() else tensor._version


def _random_state() -> tuple[Any, ...]:
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    return torch.get_rng_state(), gpus, np.random.get_state(), random.getstate()  # noqa: NPY002


def _restore_random(torch_state: Tensor, gpus: list[Tensor], numpy_state: Any, python_state: Any) -> None:
    torch.set_rng_state(torch_state)
    if gpus:
        torch.cuda.set_rng_state_all(gpus)
    np.random.set_state(numpy_state)  # noqa: NPY002
    random.setstate(python_state)
