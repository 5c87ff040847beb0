"""What a network of our own zoo is: frames in, one firing rate per class out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn
from typing_extensions import override

from spareto.core.errors import Problem, ShapeError
from spareto.core.options import hold_options, place_of
from spareto.networks._vote import vote


class Network(nn.Module, ABC):
    """A spiking network; one file each in `networks/`.

    Every concrete network takes `sensor=(polarities, height, width)` and `classes` first, then its options.

    Args:
        sensor: Polarities, height, width of a frame.
        classes: Number of classes.

    Attributes:
        timesteps: T of every sequence, for a network whose layers see all timesteps at once and so are built
            for one number of them, which it takes as an option; None if it takes any.
        reads_parts: Named by a class whose own layers read frames that are part of a longer array.
    """

    timesteps: int | None = None
    reads_parts: ClassVar[bool]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        hold_options(cls, "network")

    def __init__(self, sensor: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.sensor, self.classes = tuple(sensor), classes

    def forward(self, frames: Tensor) -> Tensor:
        """Voted firing rates.

        Args:
            frames: Shape `(time, batch, polarities, height, width)`, at least one timestep, floating point.

        Returns:
            Mean firing rate of each class's voters over all timesteps, 0..1, shape `(batch, classes)`.

        Raises:
            ShapeError: The frames are not those of the sensor the network was built for.
        """
        self._check(frames)
        return self.rates(frames)

    @abstractmethod
    def rates(self, frames: Tensor) -> Tensor:
        """Voted firing rates of frames that fit the sensor; shapes as in `forward`."""

    def _check(self, frames: Tensor) -> None:
        shape = tuple(frames.shape)
        fits = len(shape) == 5 and shape[2:] == self.sensor and shape[0] >= 1
        if fits and frames.is_floating_point():
            return
        where, problems = place_of(self, "network"), list[Problem]()
        if not fits:
            sides = ", ".join(map(str, self.sensor))
            rule = f"(time, batch, {sides}), its sensor's, of at least one timestep"
            cure = "Build the network with the sensor of its data."
            problems.append(Problem(where, f"frames of shape {shape}", rule, cure))
        if not frames.is_floating_point():
            problems.append(
                Problem(where, str(frames.dtype), "floating-point frames", "Call .float() on them.")
            )
        raise ShapeError(problems)


class FeatureNetwork(Network):
    """A network of two parts: what finds features, and a read-out whose neurons vote.

    Attributes:
        features: Frames in, spikes out.
        readout: Spikes in, those of `classes` times `votes` neurons out.
    """

    features: nn.Module
    readout: nn.Module

    @override
    def rates(self, frames: Tensor) -> Tensor:
        return vote(self.readout(self.features(frames)), self.classes)
