"""What a sampler is: it proposes points and is told what came of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from spareto.core.options import hold_options
from spareto.study.metrics import Sense
from spareto.study.search.space import Point, Variable


@dataclass(frozen=True)
class LayerFacts:
    """What a sampler may know of one layer of the dense network.

    Args:
        name: Dotted name.
        kind: `conv1d`, `conv2d` or `linear`.
        outputs: Output channels.
        inputs: Input channels.
        height: Of the output map; 1 for dense layers.
        width: Of the output map; 1 for dense layers.
        stride: Of a convolution, else 1.
        kernel: Side of a kernel, else 1.
        weights: Number of weights.
        energy_pj: Energy of the layer in the dense network.
    """

    name: str
    kind: str
    outputs: int
    inputs: int
    height: int
    width: int
    stride: int
    kernel: int
    weights: int
    energy_pj: float


@dataclass(frozen=True)
class SearchTask:
    """What is searched.

    Args:
        variables: What may be chosen.
        senses: Of the objectives.
        constraints: Number of constraints.
        trials: Proposals that will be asked for.
        seed: Decides what is drawn.
        start: Values of some or all variables, tried first.
        layers: Of the dense network, in network order.
        energy_of: Estimate of a layer's energy in picojoules by name, bits and sparsity.
        dense: The objectives of the dense network, then its energy in picojoules and its accuracy.
    """

    variables: Sequence[Variable]
    senses: Sequence[Sense]
    constraints: int
    trials: int
    seed: int
    start: Sequence[Point] = ()
    layers: Sequence[LayerFacts] = ()
    energy_of: Callable[[str, int, float], float] = field(default=lambda name, bits, sparsity: 0.0)
    dense_energy_pj: float = 1.0
    dense_accuracy: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What came of a proposal.

    Args:
        values: Of the objectives.
        excesses: How far beyond each constraint, 0 or less where it holds.
        accuracy: On the validation split, 0..1.
        energy_pj: Of one inference.
    """

    values: tuple[float, ...]
    excesses: tuple[float, ...]
    accuracy: float
    energy_pj: float


class Sampler(ABC):
    """Proposes the points of a search; one file each in `search/samplers/`.

    The proposals follow from the task and what was told alone: the same task and outcomes give the same
    proposals, whenever and wherever they are asked for. So a search that was killed is carried on by asking
    again from the start.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        hold_options(cls, "sampler")

    @abstractmethod
    def begin(self, task: SearchTask) -> None:
        """Start a search.

        Raises:
            ConfigError: The sampler cannot search such a space.
        """

    @abstractmethod
    def ask(self, number: int) -> Point | None:
        """The next point; None if there is none left.

        Args:
            number: Proposals asked for before this one, refused ones included.
        """

    @abstractmethod
    def tell(self, point: Point, outcome: Outcome | None) -> None:
        """What came of the point asked for last; None if it means no recipe that can be carried out."""
