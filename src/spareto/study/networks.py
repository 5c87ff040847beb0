"""Compressed networks on disk: everything needed to build them again stands in the file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from torch import nn

from spareto.compression import compress
from spareto.core.errors import ConfigError, Problem, StoreError
from spareto.data import DatasetInfo
from spareto.records import PruneStep, Recipe
from spareto.study.builders import OwnBuilder, builder_of
from spareto.study.config import NetworkPlan, OwnNetworkPlan
from spareto.training import load_checkpoint, read_manifest, save_checkpoint, stored_names


def save_network(
    path: Path,
    network: nn.Module,
    plan: NetworkPlan | OwnNetworkPlan,
    recipe: Recipe,
    sensor: tuple[int, int, int],
    classes: int,
) -> None:
    """Write a network, compressed by `recipe`, as safetensors with a JSON manifest.

    Of a user's own network the manifest holds where its code is and what it was, not the code itself.
    """
    manifest: dict[str, Any] = {
        "network": _anywhere(plan).to_dict(),
        "recipe": recipe.to_dict(),
        "sensor": list(sensor),
        "classes": classes,
    }
    if isinstance(plan, OwnNetworkPlan):
        manifest["parts"] = builder_of(plan).parts
    save_checkpoint(path, network, None, manifest)


def load_network(path: str | Path, network: nn.Module | None = None) -> nn.Module:
    """Read a compressed network that a study left in its `networks/` folder.

    Args:
        path: A `.safetensors` file.
        network: A network built as it was for the study, whose weights are replaced; needed where the code of
            a user's own network is not where it was.

    Returns:
        The network in evaluation mode; `spareto.bake` turns it into a plain one with the same weights.

    Raises:
        StoreError: The file is damaged, was written by a newer version, or the network's code is not there.
    """
    path = Path(path)
    manifest: dict[str, Any] = read_manifest(path)
    dense = _built(manifest, path) if network is None else network
    recipe = _without_masks(Recipe.parse(manifest["recipe"], "manifest.recipe"))
    compressed = compress(dense, recipe, stored=stored_names(path))
    load_checkpoint(path, compressed)
    return compressed.eval()


def plan_of(manifest: dict[str, Any]) -> NetworkPlan | OwnNetworkPlan:
    """The network's plan in a stored network's manifest."""
    kind = OwnNetworkPlan if "import" in manifest["network"] else NetworkPlan
    return kind.parse(manifest["network"], "manifest.network")


def _built(manifest: dict[str, Any], path: Path) -> nn.Module:
    """A fresh network of the manifest's plan; its weights come from the file."""
    plan = plan_of(manifest)
    info = DatasetInfo(manifest["classes"], tuple(manifest["sensor"]), 0, licence="", source="")
    if isinstance(plan, NetworkPlan):
        return builder_of(plan).build(info)[0]
    try:
        builder = OwnBuilder(plan.model_copy(update={"weights": None, "reset": None}))
    except ConfigError:
        got, rule = f"a network of '{plan.import_}'", "code that is still there"
        cure = "Pass it: spareto.load_network(path, network=build())."
        raise StoreError(Problem(str(path), got, rule, cure)) from None
    if builder.parts["code"] != manifest["parts"]["code"]:
        warnings.warn(f"{path}: {plan.name} has changed since the network was stored.", stacklevel=3)
    return builder.build(info)[0]


def _anywhere(plan: NetworkPlan | OwnNetworkPlan) -> NetworkPlan | OwnNetworkPlan:
    """The plan with paths that hold wherever it is read."""
    if isinstance(plan, NetworkPlan):
        return plan
    update: dict[str, Any] = {"import_": _absolute(plan.import_)}
    if plan.weights is not None:
        update["weights"] = str(Path(plan.weights).resolve())
    if plan.reset is not None and ":" in plan.reset:
        update["reset"] = _absolute(plan.reset)
    return plan.model_copy(update=update)


def _absolute(spelling: str) -> str:
    file, _, name = spelling.rpartition(":")
    return f"{Path(file).resolve()}:{name}" if Path(file).is_file() else spelling


def _without_masks(recipe: Recipe) -> Recipe:
    """The recipe that makes the same tensors but removes nothing: masks are in the file, not drawn again."""
    steps = tuple(
        step.model_copy(update={"sparsity": 0.0}) if isinstance(step, PruneStep) else step
        for step in recipe.steps
    )
    return recipe.model_copy(update={"steps": steps})
