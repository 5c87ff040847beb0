"""Where a study keeps what: one folder per run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from spareto.core.artifacts import fingerprint, there
from spareto.core.text import component
from spareto.records import Recipe, Trial
from spareto.study.artifacts import RemoteFolder, fetched, kept, sha256_of
from spareto.study.database.places import STORE_NAME

Kind = Literal["network", "workload", "details"]

ROOMS: Final[dict[str, tuple[str, str]]] = {
    "network": ("networks", ".safetensors"),
    "workload": ("workloads", ".json"),
    "details": ("details", ".json"),
}
"""Folder and suffix of each kind of file."""
PREFIX: Final = "prefix-"
"""How the names of checkpoints begin that several trainings share."""
DENSE: Final = "dense"
"""Under which a dense trial names the checkpoint of its network."""


@dataclass(frozen=True)
class RunFolder:
    """The paths inside a run folder.

    `study.sqlite` holds the trials, `workloads/` what the hardware side needs to cost them again,
    `networks/` the compressed networks, `details/` what the report shows of each, `checkpoints/` the dense
    networks and the trainings under way. The first three are named by their content, which trials know.

    Args:
        root: The folder.
        url: Of a folder that holds the same files, for several machines; None for none.
    """

    root: Path
    url: str | None = None

    @cached_property
    def remote(self) -> RemoteFolder | None:
        """The folder behind the URL."""
        return None if self.url is None else RemoteFolder(self.url)

    @property
    def store(self) -> Path:
        """The database of finished trials, unless it is on a server."""
        return self.root / STORE_NAME

    def dense(self, base: str, seed: int) -> Path:
        """Checkpoint of the dense network, kept."""
        return self.root / "checkpoints" / f"dense-seed{seed}-{base[:8]}.safetensors"

    def training(self, key: str) -> Path:
        """Checkpoint of a recipe's training, removed once its trial is stored."""
        return self.root / "checkpoints" / f"{key}.safetensors"

    def prefix(self, key: str) -> Path:
        """Checkpoint of the first epochs of trainings that begin alike, kept."""
        return self.root / _prefix_name(key)

    def has_prefix(self, key: str) -> bool:
        """Whether such a checkpoint can be had."""
        return self._has(_prefix_name(key))

    def push_prefix(self, key: str) -> None:
        """Make such a checkpoint known to other machines."""
        if self.remote is not None:
            self.remote.push(self.prefix(key), _prefix_name(key))

    def fetch_prefix(self, key: str) -> Path:
        """Such a checkpoint, brought here if another machine has left it; it has a checksum of its own."""
        path = self.prefix(key)
        if self.remote is not None and not there(path):
            self.remote.pull(_prefix_name(key), path)
        return path

    def keep(self, kind: Kind, recipe: Recipe, seed: int, write: Callable[[Path], None]) -> str:
        """Write a file of a trial; its SHA-256, by which the trial has to name it."""
        room, suffix = ROOMS[kind]
        path, digest = kept(
            self.root / room, suffix, lambda found: _name(recipe, seed, found) + suffix, write
        )
        if self.remote is not None:
            self.remote.push(path, f"{room}/{path.name}")
        return digest

    def keep_dense(self, base: str, seed: int) -> str:
        """Make the checkpoint of a dense network known by its content, for other machines too."""
        path = self.dense(base, seed)
        digest = sha256_of(path)
        if self.remote is not None:
            self.remote.push(path, _dense_name(seed, digest))
        return digest

    def fetch_dense(self, base: str, seed: int, trial: Trial | None) -> None:
        """Bring the checkpoint of a dense network here, if another machine has left it."""
        digest = "" if trial is None else trial.manifest.artifacts.get(DENSE, "")
        fetched(self.dense(base, seed), _dense_name(seed, digest), digest, self.remote)

    def file(self, kind: Kind, trial: Trial) -> Path:
        """A file of a trial; brought here if it is elsewhere.

        Raises:
            StoreError: It is elsewhere and cannot be had.
        """
        name = self.name(kind, trial)
        return fetched(self.root / name, name, trial.manifest.artifacts.get(kind, ""), self.remote)

    def name(self, kind: Kind, trial: Trial) -> str:
        """The name of a file of a trial, from the run folder; trials of before name none by its content."""
        room, suffix = ROOMS[kind]
        seed, address = trial.manifest.seed, trial.manifest.artifacts.get(kind)
        if not address:  # named by the trial's key
            address = fingerprint([trial.manifest.base_hash, trial.recipe.hash, seed])[:8]
        return f"{room}/{_name(trial.recipe, seed, address)}{suffix}"

    def names(self, trial: Trial) -> dict[str, str]:
        """Every file that a trial names, with its SHA-256; empty for trials of before."""
        found = {self.name(kind, trial): trial.manifest.artifacts.get(kind, "") for kind in ROOMS}  # pyright: ignore[reportArgumentType]
        dense = trial.manifest.artifacts.get(DENSE)
        return {**found, **({_dense_name(trial.manifest.seed, dense): dense} if dense else {})}

    def has(self, kind: Kind, trial: Trial) -> bool:
        """Whether a file of a trial can be had."""
        return self._has(self.name(kind, trial))

    def _has(self, name: str) -> bool:
        return there(self.root / name) or (self.remote is not None and self.remote.has(name))


def _name(recipe: Recipe, seed: int, digest: str) -> str:
    return f"{component(recipe.label)}-seed{seed}-{digest[:16]}"


def _prefix_name(key: str) -> str:
    return f"checkpoints/{PREFIX}{key}.safetensors"


def _dense_name(seed: int, digest: str) -> str:
    return f"checkpoints/dense-seed{seed}-{digest[:16]}.safetensors"
