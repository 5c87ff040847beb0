"""Networks to compress: a file that a study left, or the user's own Python."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from spareto.compression import bake
from spareto.compression.copies import copy_of
from spareto.core.artifacts import there
from spareto.core.errors import ConfigError, Problem
from spareto.records import Recipe
from spareto.records.data import AnyData
from spareto.running import Interface
from spareto.study.builders import OwnBuilder
from spareto.study.config import OwnNetworkPlan
from spareto.study.networks import data_of, info_of, load_network, plan_of, recipe_of, save_network
from spareto.training import read_manifest
from spareto.training.stored import NETWORK, write_tensors


class Source(ABC):
    """Where a network comes from, and how its compressed form is kept."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for files and tables."""

    @property
    @abstractmethod
    def interface(self) -> Interface | None:
        """How the network is run, as far as it was said."""

    @property
    def key(self) -> str:
        """Fingerprint of what a training of it follows from, beside its weights; may be empty."""
        return ""

    @property
    def data(self) -> AnyData | None:
        """The data it was trained on, if it says so."""
        return None

    @abstractmethod
    def load(self) -> tuple[nn.Module, tuple[str, ...]]:
        """The network, and what was found out, one sentence each.

        Raises:
            InputError: It cannot be had.
        """

    @abstractmethod
    def save(self, path: Path, network: nn.Module, recipe: Recipe, data: AnyData | None) -> None:
        """Write the network, compressed by `recipe` and trained on `data` if on any, atomically."""


def open_source(network: str, changes: Mapping[str, Any], *, compressed: bool = False) -> Source:
    """What a user named: `NETWORK.safetensors`, or `my_code.py:build` with what belongs to it.

    Args:
        network: A file that a study left, or a function; a path is relative to the working directory.
        changes: Keys of `OwnNetworkPlan` but `import`; None is left out.
        compressed: Whether a file may hold a network that is compressed already.

    Raises:
        ConfigError: It is neither, or weights are given for a file that has its own.
    """
    given = {key: value for key, value in changes.items() if value is not None}
    if network.endswith(".safetensors"):
        if "weights" in given:
            rule = "none, for the network's file has its own"
            raise ConfigError(Problem("weights", str(given["weights"]), rule, "Leave --weights out."))
        return _StudyFile(Path(network), compressed)
    if ":" not in network and not network.endswith(".py") and not there(Path(f"{network}.py")):
        rule = "a .safetensors file that a study left, or FILE.py:NAME"
        cure = "Name the file and in it the function that returns the network."
        raise ConfigError(Problem("network", repr(network), rule, cure))
    plan = OwnNetworkPlan.parse({"import": network, **given}, "network")
    return _OwnCode(OwnBuilder(plan, "--options"))


@dataclass(frozen=True)
class _StudyFile(Source):
    """A network in the `networks/` folder of a study."""

    path: Path
    compressed: bool

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def interface(self) -> Interface | None:
        plan = plan_of(read_manifest(self.path, NETWORK))
        return OwnBuilder(plan).interface if isinstance(plan, OwnNetworkPlan) else None

    def load(self) -> tuple[nn.Module, tuple[str, ...]]:
        recipe = recipe_of(read_manifest(self.path, NETWORK), self.path)
        if recipe.steps and not self.compressed:
            cure = "Take the network of the recipe 'dense float'."
            got = f"a network that recipe '{recipe.label}' has compressed"
            raise ConfigError(Problem(str(self.path), got, "one that is not compressed yet", cure))
        return load_network(self.path), ()

    @property
    def data(self) -> AnyData | None:
        return data_of(read_manifest(self.path, NETWORK))

    def save(self, path: Path, network: nn.Module, recipe: Recipe, data: AnyData | None) -> None:
        manifest = read_manifest(self.path, NETWORK)
        info, known = info_of(manifest, self.path), data or data_of(manifest)
        frames = manifest.get("frames")
        save_network(path, network, plan_of(manifest), recipe, info.sensor, info.classes, known, frames)


@dataclass(frozen=True)
class _OwnCode(Source):
    """A function in the user's code that makes the network."""

    builder: OwnBuilder

    @property
    def name(self) -> str:
        weights = self.builder.plan.weights
        return self.builder.code.name if weights is None else Path(weights).stem

    @property
    def interface(self) -> Interface | None:
        return self.builder.interface

    @property
    def key(self) -> str:
        return self.builder.hash

    def load(self) -> tuple[nn.Module, tuple[str, ...]]:
        network, notes = self.builder.build()
        return network.eval(), notes

    def save(self, path: Path, network: nn.Module, recipe: Recipe, data: AnyData | None) -> None:
        save_network(path, network, self.builder.plan, recipe, (1, 1, 1), 1, data)


def save_plain(path: Path, network: nn.Module) -> None:
    """Write exactly the compressed weights as a plain state dict, atomically."""
    plain = copy_of(network)
    bake(plain)
    tensors = {name: value.clone().contiguous() for name, value in plain.state_dict().items()}
    write_tensors(path, tensors)
