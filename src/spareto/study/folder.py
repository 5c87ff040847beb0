"""Where a study keeps what: one folder a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spareto.core.text import component
from spareto.records import Recipe
from spareto.study.store import STORE_NAME


@dataclass(frozen=True)
class RunFolder:
    """The paths inside a run folder.

    `study.sqlite` holds the trials, `workloads/` what the hardware side needs to cost them again,
    `networks/` the compressed networks, `details/` what the report shows of each, `checkpoints/` the dense
    networks and the trainings under way.
    """

    root: Path

    @property
    def store(self) -> Path:
        """The database of finished trials."""
        return self.root / STORE_NAME

    def dense(self, base: str, seed: int) -> Path:
        """Checkpoint of the dense network, kept."""
        return self.root / "checkpoints" / f"dense-seed{seed}-{base[:8]}.safetensors"

    def training(self, key: str) -> Path:
        """Checkpoint of a recipe's training, removed once its trial is stored."""
        return self.root / "checkpoints" / f"{key}.safetensors"

    def network(self, recipe: Recipe, seed: int, key: str) -> Path:
        """A compressed network."""
        return self.root / "networks" / f"{_name(recipe, seed, key)}.safetensors"

    def workload(self, recipe: Recipe, seed: int, key: str) -> Path:
        """A workload."""
        return self.root / "workloads" / f"{_name(recipe, seed, key)}.json"

    def details(self, recipe: Recipe, seed: int, key: str) -> Path:
        """What a trial looked like, for its report."""
        return self.root / "details" / f"{_name(recipe, seed, key)}.json"


def _name(recipe: Recipe, seed: int, key: str) -> str:
    return f"{component(recipe.label)}-seed{seed}-{key[:8]}"
