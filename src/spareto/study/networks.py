"""Compressed networks on disk: everything needed to build them again stands in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from spareto import networks
from spareto.compression import compress
from spareto.records import PruneStep, Recipe
from spareto.study.config import NetworkPlan
from spareto.training import load_checkpoint, read_manifest, save_checkpoint


def save_network(
    path: Path,
    network: nn.Module,
    plan: NetworkPlan,
    recipe: Recipe,
    sensor: tuple[int, int, int],
    classes: int,
) -> None:
    """Write a network of our zoo, compressed by `recipe`, as safetensors with a JSON manifest."""
    manifest = {
        "network": plan.to_dict(),
        "recipe": recipe.to_dict(),
        "sensor": list(sensor),
        "classes": classes,
    }
    save_checkpoint(path, network, None, manifest)


def load_network(path: str | Path) -> nn.Module:
    """Read a compressed network that a study left in its `networks/` folder.

    Args:
        path: A `.safetensors` file.

    Returns:
        The network in evaluation mode; `spareto.bake` turns it into a plain one with the same weights.

    Raises:
        StoreError: The file is damaged or was written by a newer version.
    """
    path = Path(path)
    manifest: dict[str, Any] = read_manifest(path)
    plan = NetworkPlan.parse(manifest["network"], "manifest.network")
    dense = networks.build(
        plan.name, sensor=tuple(manifest["sensor"]), classes=manifest["classes"], **plan.options
    )
    network = compress(dense, _without_masks(Recipe.parse(manifest["recipe"], "manifest.recipe")))
    load_checkpoint(path, network)
    return network.eval()


def _without_masks(recipe: Recipe) -> Recipe:
    """The recipe that makes the same tensors but removes nothing: masks are in the file, not drawn again."""
    steps = tuple(
        step.model_copy(update={"sparsity": 0.0}) if isinstance(step, PruneStep) else step
        for step in recipe.steps
    )
    return recipe.model_copy(update={"steps": steps})
