"""What of a network's output is its answer, and where its samples lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from spareto.core.errors import ConfigError, Problem
from spareto.kernels import Spikes, dense
from spareto.running.interface import Vote

Order = Literal["sample", "time-batch", "batch-time", "merged batch-time", "merged time-batch"]


def leaves(output: Any) -> Iterator[Tensor]:
    """Every tensor of an output, in order."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Spikes):
        yield dense(output)
    else:
        for _, item in _items(output):
            yield from leaves(item)


def _items(output: Any) -> list[tuple[int | str, Any]]:
    if isinstance(output, Mapping):
        return [(str(key), value) for key, value in output.items()]
    if isinstance(output, list | tuple):
        return list(enumerate(output))
    if is_dataclass(output):
        return list(vars(output).items())
    return []


def pick(output: Any, chosen: int | str | None) -> Tensor:
    """The tensor that is the answer.

    A list of equal tensors, one a timestep, is stacked; of a tuple or a dict with one tensor, that one is
    taken.

    Args:
        output: What the network returned.
        chosen: Item of a tuple or key of a dict.

    Raises:
        ConfigError: The output has other parts; they are named.
    """
    if chosen is None:
        return _only(output)
    if isinstance(output, Tensor | Spikes):
        got, rule = f"output={chosen!r} of one tensor", "a tuple or a dict"
        raise ConfigError(Problem("network", got, rule, "Leave output out."))
    items = dict(_items(output))
    named = hasattr(output, "_fields") and isinstance(chosen, str) and chosen in output._fields
    if named:
        return _only(getattr(output, str(chosen)))
    if isinstance(chosen, int) and chosen < 0:
        chosen += len(items)
    if chosen not in items:
        rule = f"one of {_told(output)}"
        raise ConfigError(Problem("network", f"output={chosen!r}", rule, "Choose one of these."))
    return _only(items[chosen])


def _only(output: Any) -> Tensor:
    if isinstance(output, Spikes):
        return dense(output)
    if isinstance(output, Tensor):
        return output
    if isinstance(output, list) and _alike(output):
        return torch.stack(output)
    tensors = [item for _, item in _items(output) if isinstance(item, Tensor | Spikes)]
    if len(tensors) == 1:
        return _only(tensors[0])
    if not tensors and len(list(leaves(output))) == 1:
        return next(leaves(output))
    cure = 'Say which is the answer: output=0 or output="name".' if list(leaves(output)) else ""
    raise ConfigError(Problem("network", f"an output of {_told(output)}", "one tensor", cure))


def _alike(output: list[Any]) -> bool:
    return bool(output) and all(
        isinstance(item, Tensor) and item.shape == output[0].shape and item.dim() > 1 for item in output
    )


def _told(output: Any) -> str:
    items = _items(output)
    if not items:
        return f"a {type(output).__name__}"
    return ", ".join(f"{name!r}: {_shape(item)}" for name, item in items)


def _shape(item: Any) -> str:
    if isinstance(item, Tensor | Spikes):
        return f"shape {tuple(item.shape)}"
    return type(item).__name__


def order_of(many: Tensor, alone: Tensor, samples: int, *, batch_first: bool = False) -> Order | None:
    """Where the samples lie: on the one axis that is longer in a batch than alone.

    Args:
        many: An output for `samples` samples.
        alone: The same output for the first of them.
        samples: More than one.
        batch_first: Where both are merged in one axis, samples are known to come first.

    Returns:
        None where no axis, or more than one, has grown with the samples.
    """
    if many.dim() != alone.dim():
        return None
    grown = [axis for axis in range(many.dim()) if many.shape[axis] != alone.shape[axis]]
    if len(grown) != 1 or many.shape[grown[0]] != samples * alone.shape[grown[0]]:
        return None
    if alone.shape[grown[0]] == 1:
        if grown[0] == 1:
            return "time-batch"
        over_time = len(_trimmed(tuple(many.shape), 2)) > 2
        return None if grown[0] != 0 else "batch-time" if over_time else "sample"
    if grown[0] != 0:
        return None
    return "merged batch-time" if batch_first else _merged(many, alone, samples)


def _merged(many: Tensor, alone: Tensor, samples: int) -> Order | None:
    """Which of two merged axes comes first, if the values tell."""
    found: list[Order] = []
    for order, first in (
        ("merged batch-time", many.unflatten(0, (samples, -1))[0]),
        ("merged time-batch", many.unflatten(0, (-1, samples))[:, 0]),
    ):
        if torch.allclose(first.double(), alone.double(), 1e-4, 1e-5, equal_nan=True):
            found.append(order)  # pyright: ignore[reportArgumentType]
    return found[0] if len(found) == 1 else None


def _trimmed(shape: tuple[int, ...], least: int) -> tuple[int, ...]:
    """A shape without ones at its end, down to so many axes."""
    while len(shape) > least and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def over_samples(tensor: Tensor, order: Order, samples: int) -> Tensor:
    """A tensor with the samples in front: `(samples, ...)`."""
    match order:
        case "time-batch":
            return tensor.transpose(0, 1)
        case "merged batch-time":
            return tensor.unflatten(0, (samples, -1))
        case "merged time-batch":
            return tensor.unflatten(0, (-1, samples)).transpose(0, 1)
        case _:
            return tensor


def voted(tensor: Tensor, order: Order, samples: int, vote: Vote | None) -> Tensor:
    """One answer a sample: `(samples, classes)`.

    Raises:
        ConfigError: The tensor has other axes, or timesteps and no vote is stated.
    """
    answer = over_samples(tensor, order, samples)
    shape = _trimmed(tuple(answer.shape), 2 if order == "sample" else 3)
    answer = answer.reshape(shape)
    if order != "sample" and len(shape) == 3:
        answer = _vote(answer, vote, tuple(tensor.shape))
    elif order == "sample" and vote is not None and len(shape) == 2:
        got, rule = f"vote='{vote}' of an output of shape {tuple(tensor.shape)}", "an output over time"
        raise ConfigError(Problem("network", got, rule, "Leave vote out."))
    if answer.dim() != 2 or answer.shape[0] != samples:
        got = f"an output of shape {tuple(tensor.shape)} for {samples} samples"
        cure = "Flatten it to one number a class, or choose another part with output=."
        raise ConfigError(Problem("network", got, f"({samples}, classes), or that over time", cure))
    return answer if answer.is_floating_point() else answer.float()


def _vote(answer: Tensor, vote: Vote | None, shape: tuple[int, ...]) -> Tensor:
    match vote:
        case "mean":
            return answer.mean(1) if answer.is_floating_point() else answer.float().mean(1)
        case "sum":
            return answer.sum(1)
        case "max":
            return answer.amax(1)
        case "last":
            return answer[:, -1]
        case None if answer.shape[1] == 1:
            return answer[:, 0]
        case None:
            got, rule = f"an output over time, of shape {shape}", "one answer a sample, or a vote"
            cure = 'Say vote="mean", "sum", "last" or "max".'
            raise ConfigError(Problem("network", got, rule, cure))
