"""The waist: everything the hardware side may know about a compressed network, measured once, torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from spareto.core.bounds import Natural, Positive
from spareto.core.config import Record, load_sealed, save_sealed
from spareto.core.errors import Problem
from spareto.records.agreement import Statistic as Statistic
from spareto.records.agreement import require
from spareto.records.layer import Layer as Layer
from spareto.records.layer import LayerKind as LayerKind
from spareto.records.layer import Neuron as Neuron
from spareto.records.packed import Mask as Mask
from spareto.records.packed import Numbers as Numbers
from spareto.records.product import Product as Product
from spareto.records.tensor import Tensor as Tensor


class FreeLayer(Record):
    """A layer that costs nothing on the accelerator, and why: `batch norm is folded into the weights`."""

    name: str
    kind: str
    why: str


class Workload(Record):
    """A compressed network as the hardware side sees it.

    Args:
        version: Version of this format.
        network: Name of the network.
        dataset: Name of the data set and split the activity was measured on.
        samples: Inferences it was measured over.
        timesteps: T.
        layers: Synaptic layers in the order they run.
        free: Layers that were looked at and cost nothing, each with the reason.
        products: Products of two activations, in the order they run.
        notes: How the network was run, and what was not counted, in sentences.
    """

    version: Literal[1] = 1
    network: str
    dataset: str
    samples: Natural
    timesteps: Positive
    layers: tuple[Layer, ...]
    free: tuple[FreeLayer, ...] = ()
    products: tuple[Product, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Workload:
        return require(self, _problems(self))

    def __repr__(self) -> str:
        return (
            f"Workload({self.network!r} on {self.dataset!r}: {len(self.layers)} layers, "
            f"{self.timesteps} timesteps, {self.samples} samples)"
        )

    def save(self, path: str | Path) -> None:
        """Write the workload as JSON with its checksum, atomically."""
        save_sealed(Path(path), self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a workload.

        Raises:
            ConfigError: The file is missing, is not as it was written, or breaks a rule.
        """
        return cls.parse(load_sealed(path), "workload", whole=True)

    @property
    def weight_sparsity(self) -> float:
        """Share of zero weights over all layers, 0..1."""
        weighted = [layer for layer in self.layers if layer.kind != "neurons"]
        total = sum(layer.weight_count for layer in weighted)
        return 1.0 - sum(layer.live_weights for layer in weighted) / total if total else 0.0


def _problems(workload: Workload) -> Iterator[Problem]:
    """Contradictions between the layers of a network."""
    if not workload.layers:
        yield Problem(".layers", "none", "at least one layer")
    names = [part.name for part in (*workload.layers, *workload.products)]
    for kind, parts in (("layers", workload.layers), ("products", workload.products)):
        for place, part in enumerate(parts):
            where = f".{kind}[{place}]"
            if part.timesteps not in (workload.timesteps, 1):
                rule = f"{workload.timesteps} as the workload has, or 1 for what runs once an inference"
                yield Problem(f"{where}.timesteps", str(part.timesteps), rule)
            if not part.name:
                yield Problem(f"{where}.name", "''", "a name")
            if names.index(part.name) != (place if kind == "layers" else place + len(workload.layers)):
                yield Problem(f"{where}.name", f"'{part.name}' a second time", "different names")
    yield from _shared(workload.layers)


def _shared(layers: Sequence[Layer]) -> Iterator[Problem]:
    """Weights taken over from layers that do not come before, or hold others."""
    before: dict[str, Layer] = {}
    for place, layer in enumerate(layers):
        if layer.shares is not None:
            owner = before.get(layer.shares)
            if owner is None:
                yield Problem(f".layers[{place}].shares", repr(layer.shares), "the name of an earlier layer")
            elif owner.weight_mask != layer.weight_mask or owner.weight_bits != layer.weight_bits:
                got = f"other weights than '{layer.shares}'"
                yield Problem(f".layers[{place}].shares", got, "the same mask and width")
        before.setdefault(layer.name, layer)
