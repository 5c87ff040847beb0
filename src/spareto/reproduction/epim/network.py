"""ResNet-50 as the shapes of its layers; no torch, no weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from spareto.core.bounds import Positive
from spareto.core.config import Record

_FILE = Path(__file__).parent / "resnet50.yaml"


class _Stem(Record):
    outputs: Positive
    inputs: Positive
    kernel: Positive
    plane: Positive


class _Stage(Record):
    width: Positive
    blocks: Annotated[int, Field(ge=1, le=1000)]
    plane: Positive


class _Network(Record):
    source: str
    stem: _Stem
    stages: tuple[_Stage, ...]
    expansion: Positive
    classes: Positive


@dataclass(frozen=True)
class Shape:
    """A convolution or dense layer.

    Args:
        name: As torchvision names it.
        weight: (M, C, R, S).
        positions: Output positions of one inference.
    """

    name: str
    weight: tuple[int, int, int, int]
    positions: int


def resnet50() -> tuple[Shape, ...]:
    """The 53 convolutions and the dense layer of ResNet-50, in network order.

    >>> len(resnet50())
    54
    """
    return tuple(_layers(_Network.load(_FILE)))


def _layers(network: _Network) -> Iterator[Shape]:
    stem = network.stem
    yield Shape("conv1", (stem.outputs, stem.inputs, stem.kernel, stem.kernel), stem.plane**2)
    inputs, before = stem.outputs, stem.plane // 2
    for number, stage in enumerate(network.stages, 1):
        width, outputs = stage.width, network.expansion * stage.width
        for block in range(stage.blocks):
            name, plane = f"layer{number}.{block}", stage.plane**2
            first = before**2 if block == 0 else plane  # the stride is in the second convolution
            yield Shape(f"{name}.conv1", (width, inputs, 1, 1), first)
            yield Shape(f"{name}.conv2", (width, width, 3, 3), plane)
            yield Shape(f"{name}.conv3", (outputs, width, 1, 1), plane)
            if block == 0:
                yield Shape(f"{name}.downsample.0", (outputs, inputs, 1, 1), plane)
            inputs = outputs
        before = stage.plane
    yield Shape("fc", (network.classes, inputs, 1, 1), 1)
