"""What the table of frameworks must keep, as functions: for a framework, or for a module of yours."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import pkgutil
from collections.abc import Iterable, Iterator
from typing import Final

import torch
from torch import Tensor, nn

from spareto.core.errors import did_you_mean
from spareto.frameworks import keeps_state, neuron_facts, reset_state
from spareto.frameworks._lookup import frameworks, row_of
from spareto.frameworks._rows import Framework
from spareto.frameworks._updates import UPDATES
from spareto.hardware.charging.neurons import KINDS
from spareto.observing import undisturbed

REPEATS: Final = 8
ACTIONS: Final = ("leak", "integrate", "compare")


def framework(package: str) -> Framework:
    """The framework of a package.

    Raises:
        LookupError: None is known.
    """
    known = {found.package: found for found in frameworks()}
    if package not in known:
        raise LookupError(f"no framework '{package}'. {did_you_mean(package, tuple(known))}")
    return known[package]


def classes_of(package: str, leave_out: Iterable[str] = ()) -> Iterator[type[nn.Module]]:
    """Every class of modules in a package and its subpackages.

    Args:
        package: Its name; it is imported.
        leave_out: Beginnings of modules that are not imported, such as those that install something.
    """
    found: dict[type[nn.Module], None] = {}
    for module in _modules(importlib.import_module(package), tuple(leave_out)):
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, nn.Module):
                found[kind] = None
    yield from (kind for kind in found if kind.__module__.partition(".")[0] == package)


def _modules(package: object, leave_out: tuple[str, ...]) -> Iterator[object]:
    yield package
    for info in pkgutil.iter_modules(getattr(package, "__path__", ()), f"{package.__name__}."):  # pyright: ignore
        if info.name.startswith(leave_out):
            continue
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                module = importlib.import_module(info.name)
        except (Exception, SystemExit):  # a part that lacks a library of its own
            continue
        yield from _modules(module, leave_out) if info.ispkg else (module,)


def check_all_known(package: str, leave_out: Iterable[str] = ()) -> None:
    """Every class of modules of a framework is a neuron, free, a layer, or refused with a reason."""
    unknown = [
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in classes_of(package, leave_out)
        if row_of(kind) is None
    ]
    assert not unknown, f"classes that nobody has looked at: {', '.join(sorted(unknown))}"


def check_rows_exist(package: str, leave_out: Iterable[str] = ()) -> None:
    """Every class that the table names is there: a class that moved or was renamed is noticed."""
    there = {kind.__name__ for kind in classes_of(package, leave_out)}
    named = {name for shelf in framework(package).shelves.values() for name in shelf}
    missing = sorted(named - there)
    assert not missing, f"classes of the table that {package} does not have: {', '.join(missing)}"


def check_facts(neuron: nn.Module) -> None:
    """The facts of a neuron are complete: the cost model knows its kind, or they say what an update does."""
    facts = neuron_facts(neuron)
    assert facts is not None, f"{type(neuron).__name__} is no known neuron"
    assert facts.states >= 0, "a negative number of states"
    known = facts.kind in KINDS
    assert known == (facts.update is None), f"kind '{facts.kind}': its update is told twice, or not at all"
    for action in (part for some in facts.update or () for part in some):
        assert action in ACTIONS, f"an action '{action}'"
    assert facts.fires or facts.counts, "an integrator emits its potential, which is not 0 or 1"


def check_kinds_are_apart() -> None:
    """No kind of neuron has an update both here and in the cost model's own table."""
    twice = sorted(set(UPDATES) & set(KINDS))
    assert not twice, f"kinds with two updates: {', '.join(twice)}"


def check_reset(network: nn.Module, frames: Tensor, *, steps: int = 1) -> None:
    """After a reset nothing is left of what ran before, whatever the size of the next batch.

    Args:
        network: A network that keeps its states.
        frames: One call's input, samples first or second.
        steps: Calls in a row.
    """
    with undisturbed(network, training=False), torch.no_grad():
        reset_state(network)
        first = _last(network, frames, steps)
        later = [_last(network, frames, steps) for _ in range(REPEATS)]
        assert any(not torch.equal(first, one) for one in later), "no call left anything behind"
        assert reset_state(network), "a state that is kept, and no word of its reset"
        assert torch.equal(first, _last(network, frames, steps)), "something is left after a reset"


def check_stateless(network: nn.Module, frames: Tensor) -> None:
    """A network that keeps nothing says so, and answers alike twice."""
    with undisturbed(network, training=False), torch.no_grad():
        assert not keeps_state(network), f"{keeps_state(network)} are said to keep a state"
        assert torch.equal(_last(network, frames, 1), _last(network, frames, 1)), "a state nobody knows of"


def _last(network: nn.Module, frames: Tensor, steps: int) -> Tensor:
    output: object = None
    for _ in range(steps):
        output = network(frames)
    while not isinstance(output, Tensor):
        output = output[0]  # pyright: ignore[reportIndexIssue, reportOptionalSubscript]
    return output
