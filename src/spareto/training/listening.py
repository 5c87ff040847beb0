"""Who is told of, or takes part in, a training from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from spareto.core.errors import Problem


@dataclass(frozen=True)
class EpochReport:
    """What a listener is told after an epoch.

    Args:
        epoch: Epochs done, from 1.
        epochs: Epochs in all.
        loss: Mean training loss of the epoch.
        seconds: Wall time of the epoch.
        learning_rate: Learning rate of its last step.
        accuracy: Share of the held-out samples classified correctly, 0..1; None if none are held out.
        last: Whether the training ends with it, be it that patience has.
    """

    epoch: int
    epochs: int
    loss: float
    seconds: float
    learning_rate: float = 0.0
    accuracy: float | None = None
    last: bool = False


class BeforeStep(Protocol):
    """Called before each optimizer step, when the gradients are there and the weights still the old ones.

    What it does may depend on the network and the step alone: then a training that was killed goes on as if
    it had not been.
    """

    def __call__(self, network: nn.Module, step: int, steps: int) -> None:
        """Change weights, masks or gradients in place.

        Args:
            network: The network in training.
            step: Optimizer steps behind the training, from 0 over all its epochs.
            steps: Optimizer steps of the whole training.
        """
        ...


class ExtraLoss(Protocol):
    """A term added to the loss of each batch, right after the network ran on it.

    It may depend on the network, the frames and the step alone, as `BeforeStep` may. What it learns itself
    belongs to the network, so that it is trained and stored with it.
    """

    def __call__(self, network: nn.Module, frames: Tensor) -> Tensor:
        """The term, a number with its gradient.

        Args:
            network: The network in training; it has just run.
            frames: The frames it ran on, in the layout of the data.
        """
        ...


Listener = Callable[[EpochReport], None]
SilenceListener = Callable[[Problem], None]
Milestones = Mapping[int, Callable[[nn.Module], None]]
