"""Networks to compress: a file that a study left, or the user's own Python."""

from __future__ import annotations

import importlib
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from spareto.compression import bake
from spareto.compression.copies import copy_of
from spareto.core.artifacts import replacing
from spareto.core.errors import ConfigError, Problem
from spareto.records import Recipe
from spareto.study.config import NetworkPlan
from spareto.study.networks import load_network, save_network
from spareto.training import read_manifest, save_checkpoint


class Source(ABC):
    """Where a network comes from, and how its compressed form is kept."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for files and tables."""

    @abstractmethod
    def load(self) -> nn.Module:
        """The network.

        Raises:
            InputError: It cannot be had.
        """

    @abstractmethod
    def save(self, path: Path, network: nn.Module, recipe: Recipe) -> None:
        """Write the network, compressed by `recipe`, atomically."""


def open_source(network: str, weights: Path | None) -> Source:
    """What a user named: `NETWORK.safetensors`, or `MODULE:CALLABLE` with an optional state dict.

    Raises:
        ConfigError: It is neither, or weights are given for a file that has its own.
    """
    if network.endswith(".safetensors"):
        if weights is not None:
            rule = "none, for the network's file has its own"
            raise ConfigError(Problem("weights", str(weights), rule, "Leave --weights out."))
        return _StudyFile(Path(network))
    module, colon, factory = network.partition(":")
    if not (colon and module and factory):
        rule = "a .safetensors file that a study left, or MODULE:CALLABLE"
        cure = "Name a function without arguments that returns the network."
        raise ConfigError(Problem("network", repr(network), rule, cure))
    return _Factory(module, factory, weights)


@dataclass(frozen=True)
class _StudyFile(Source):
    """A dense network in the `networks/` folder of a study."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    def load(self) -> nn.Module:
        recipe = Recipe.parse(read_manifest(self.path)["recipe"], "manifest.recipe")
        if recipe.steps:
            cure = "Take the network of the recipe 'dense float'."
            got = f"a network that recipe '{recipe.label}' has compressed"
            raise ConfigError(Problem(str(self.path), got, "one that is not compressed yet", cure))
        return load_network(self.path)

    def save(self, path: Path, network: nn.Module, recipe: Recipe) -> None:
        manifest = read_manifest(self.path)
        plan = NetworkPlan.parse(manifest["network"], "manifest.network")
        save_network(path, network, plan, recipe, tuple(manifest["sensor"]), manifest["classes"])


@dataclass(frozen=True)
class _Factory(Source):
    """A function in the user's code that makes the network."""

    module: str
    factory: str
    weights: Path | None

    @property
    def name(self) -> str:
        return self.factory if self.weights is None else self.weights.stem

    @property
    def _where(self) -> str:
        return f"network '{self.module}:{self.factory}'"

    def load(self) -> nn.Module:
        sys.path.insert(0, str(Path.cwd()))
        try:
            found: Any = importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            cure = "Run the command in the folder of your code, or install it."
            raise ConfigError(Problem(self._where, str(error), "a module to import", cure)) from None
        finally:
            sys.path.pop(0)
        for part in self.factory.split("."):
            found = getattr(found, part, None)
        if not callable(found):
            rule = f"a function or class of that name in {self.module}"
            raise ConfigError(Problem(self._where, repr(found), rule, "Check the name."))
        network = found()
        if not isinstance(network, nn.Module):
            got, cure = f"a {type(network).__name__} from it", "Return the network."
            raise ConfigError(Problem(self._where, got, "a torch.nn.Module", cure))
        if self.weights is not None:
            _load_weights(network, self.weights)
        return network.eval()

    def save(self, path: Path, network: nn.Module, recipe: Recipe) -> None:
        manifest = {"factory": f"{self.module}:{self.factory}", "recipe": recipe.to_dict()}
        save_checkpoint(path, network, None, manifest)


def _load_weights(network: nn.Module, path: Path) -> None:
    try:
        network.load_state_dict(_read_weights(path))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        cure = "Save them with torch.save(network.state_dict(), path)."
        raise ConfigError(Problem(str(path), reason, "weights of this network", cure)) from None


def _read_weights(path: Path) -> dict[str, Tensor]:
    rule, cure = "a state dict, .safetensors or torch's own format", "Check the path."
    if not path.is_file():
        raise ConfigError(Problem(str(path), "no such file", rule, cure))
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        reason = f"an unreadable file ({' '.join(str(error).split())[:80]})"
    except Exception as error:  # what else unpickling a foreign file can raise is no fault of ours
        reason = f"a file that cannot be read safely ({type(error).__name__})"
    raise ConfigError(
        Problem(str(path), reason, rule, "Save them with torch.save(network.state_dict(), path).")
    )


def save_plain(path: Path, network: nn.Module) -> None:
    """Write exactly the compressed weights as a plain state dict, atomically."""
    plain = copy_of(network)
    bake(plain)
    tensors = {name: value.clone().contiguous() for name, value in plain.state_dict().items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary)
