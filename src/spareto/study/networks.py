"""Compressed networks on disk: everything needed to build them again stands in the file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.compression import compress
from spareto.compression.packing import most_numbers, names_of, pack, unpack
from spareto.core.arguments import of_kind, path_of
from spareto.core.artifacts import there
from spareto.core.errors import ConfigError, Problem, StoreError
from spareto.core.versions import versions
from spareto.data import DatasetInfo
from spareto.interchange import DESCRIPTION, network_of
from spareto.records import PruneStep, Recipe
from spareto.records.data import AnyData, parse_data
from spareto.study.builders import OwnBuilder, builder_of
from spareto.study.chosen import chosen, is_run
from spareto.study.config import NetworkPlan, OwnNetworkPlan, data_at, network_at
from spareto.training import save_checkpoint
from spareto.training.checkpoint import network_tensors, take
from spareto.training.stored import NETWORK, fact, read

MOST: Final = 1 << 16
"""Largest number in the options of a stored network."""


def save_network(
    path: Path,
    network: nn.Module,
    plan: NetworkPlan | OwnNetworkPlan,
    recipe: Recipe,
    sensor: tuple[int, int, int],
    classes: int,
    data: AnyData | None = None,
    frames: Mapping[str, int | bool] | None = None,
) -> None:
    """Write a network, compressed by `recipe`, as safetensors with a JSON manifest.

    Weights are stored as codes and masks (`spareto.compression.packing`). The manifest holds what is needed
    to use the network: how it is built and run, recipe, data and versions. Of a user's own network it holds
    where its code is and what it was, not the code itself.

    Args:
        path: The file.
        network: The network.
        plan: How it is built.
        recipe: How it was compressed.
        sensor: Channels, height, width of a frame.
        classes: Number of classes.
        data: What it was trained on.
        frames: How recordings became frames: `timesteps`, `duration_us`, `binary`, and `most`, the largest
            value.

    Raises:
        ConfigError: An argument is of another kind.
        StoreError: The file cannot be written.
    """
    of_kind(network, nn.Module, "network", "a torch.nn.Module")
    of_kind(plan, (NetworkPlan, OwnNetworkPlan), "plan", "a NetworkPlan or an OwnNetworkPlan")
    of_kind(recipe, Recipe, "recipe", "a Recipe", "Write spareto.recipes.dense() for none.")
    manifest: dict[str, Any] = {
        "network": network_at(plan, _absolute, _resolved).to_dict(),
        "recipe": recipe.to_dict(),
        "sensor": list(sensor),
        "classes": classes,
        "versions": versions(),
        **({"frames": dict(frames)} if frames else {}),
    }
    if data is not None:
        manifest["data"] = data_anywhere(data).to_dict()
    if isinstance(plan, OwnNetworkPlan):
        manifest["parts"] = builder_of(plan).parts
    save_checkpoint(path, network, None, manifest, pack=pack)


def load_network(
    path: str | Path, network: nn.Module | None = None, *, trial: str | None = None
) -> nn.Module:
    """Read a compressed network that a study left, or that `spareto.export_to` wrote.

    Args:
        path: A run folder, `runs/demo`, for its chosen point; a `.safetensors` file of its `networks/`
            folder, or one of `spareto.export_to`.
        network: A network built as it was for the study, whose weights are replaced; needed where the code of
            a user's own network is not where it was.
        trial: Another trial of the run folder, by its name in `spareto front`.

    Returns:
        The network in evaluation mode; `spareto.bake` turns it into a plain one with the same weights.

    Raises:
        StoreError: The file is damaged, was written by a newer version, or the network's code is not there.
    """
    path = path_of(path, "path")
    if is_run(path):
        path = chosen(path, trial)[1]
    elif trial is not None:
        cure = "Name a run folder, or leave trial out."
        raise ConfigError(Problem("trial", repr(trial)[:80], "none beside a single file", cure))
    found = read(path, NETWORK)
    if DESCRIPTION in found.manifest:
        return network_of(found.manifest[DESCRIPTION], found.tensors, str(path))
    dense = _built(found.manifest, path, most_numbers(found.tensors)) if network is None else network
    recipe = _without_masks(recipe_of(found.manifest, path))
    compressed = compress(dense, recipe, stored=names_of(network_tensors(found)))
    take(found, compressed, unpack=unpack)
    return compressed.eval()


def recipe_of(manifest: dict[str, Any], path: Path) -> Recipe:
    """The recipe that a stored network was compressed by."""
    return Recipe.parse(fact(manifest, "recipe", path), "manifest.recipe")


def data_of(manifest: dict[str, Any]) -> AnyData | None:
    """The data that a stored network was trained on; None in files that do not say."""
    return parse_data(manifest["data"], "manifest.data") if "data" in manifest else None


def info_of(manifest: dict[str, Any], path: Path) -> DatasetInfo:
    """Sensor and classes that a stored network was built for."""
    classes, sensor = fact(manifest, "classes", path), fact(manifest, "sensor", path)
    return DatasetInfo(classes, tuple(sensor), 0, licence="", source="")


def plan_of(manifest: dict[str, Any]) -> NetworkPlan | OwnNetworkPlan:
    """The network's plan in a stored network's manifest."""
    found = fact(manifest, "network", "manifest")
    kind = OwnNetworkPlan if "import" in found else NetworkPlan
    return kind.parse(found, "manifest.network")


def _built(manifest: dict[str, Any], path: Path, elements: int) -> nn.Module:
    """A fresh network of the manifest's plan; its weights, `elements` in all, come from the file."""
    plan, info = plan_of(manifest), info_of(manifest, path)
    if isinstance(plan, NetworkPlan):
        _refuse_larger(plan, info, path, elements)
        return builder_of(plan).build(info)[0]
    try:
        builder = OwnBuilder(plan.replace(weights=None, reset=None))
    except ConfigError:
        got, rule = f"a network of '{plan.import_}'", "code that is still there"
        cure = "Pass it: spareto.load_network(path, network=build())."
        raise StoreError(Problem(str(path), got, rule, cure)) from None
    if builder.parts["code"] != manifest.get("parts", {}).get("code"):
        warnings.warn(f"{path}: {plan.name} has changed since the network was stored.", stacklevel=3)
    return builder.build(info)[0]


def _refuse_larger(plan: NetworkPlan, info: DatasetInfo, path: Path, elements: int) -> None:
    """Refuse a plan whose network has far more weights than the file, before memory is taken for it."""
    large = [number for number in _numbers(plan.options) if abs(number) > MOST]
    got = f"the plan of a network with an option of {large[0]:g}" if large else ""
    if not large:
        with torch.device("meta"):
            weights = sum(map(Tensor.numel, builder_of(plan).build(info)[0].parameters()))
        if weights > 2 * elements + 1024:
            got = f"the plan of a network with {weights:,} weights"
    if got:
        cure = "The manifest is damaged; store the network again."
        raise StoreError(Problem(str(path), got, f"one with the {elements:,} numbers of the file", cure))


def _numbers(value: Any) -> Iterator[float]:
    """Every number in plain data."""
    if isinstance(value, (int, float)):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers(inner)


def data_anywhere(plan: AnyData) -> AnyData:
    """The plan with paths that hold wherever it is read."""
    return data_at(plan, _absolute, _resolved)


def _absolute(spelling: str, _: str) -> str:
    file, _, name = spelling.rpartition(":")
    return f"{_resolved(file)}:{name}" if there(Path(file)) else spelling


def _resolved(path: str) -> str:
    return str(Path(path).resolve())


def _without_masks(recipe: Recipe) -> Recipe:
    """The recipe that makes the same tensors but removes nothing: masks are in the file, not drawn again."""
    steps = (step.on_its_way(0.0, 0.0) if isinstance(step, PruneStep) else step for step in recipe.steps)
    return recipe.replace(steps=tuple(steps))
