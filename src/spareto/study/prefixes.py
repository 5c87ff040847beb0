"""Trainings that begin alike go on from one checkpoint: a pruned network serves every width after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spareto.core.artifacts import there
from spareto.core.errors import Problem, StoreError
from spareto.study.folder import RunFolder
from spareto.training import EpochReport, Listener, read_manifest
from spareto.training.stored import read, write


@dataclass(frozen=True)
class SharedPrefix:
    """The first epochs of one training, and where the network is kept that they leave.

    Args:
        epochs: How many there are.
        key: What they follow from; trainings with equal keys have them in common.
        folder: The study's run folder.
        training: Key of the training.
    """

    epochs: int
    key: str
    folder: RunFolder
    training: str

    @property
    def there(self) -> bool:
        """Whether the network can be had."""
        return self.folder.has_prefix(self.key)

    def begin(self, of: int, watch: Listener | None) -> None:
        """Let a training that has not begun go on from the network, if it is there.

        Args:
            of: Epochs of the whole training.
            watch: Is told of the shared epochs, as if they were trained; what it raises ends the training.
        """
        own = self.folder.training(self.training)
        if there(own):
            self._made_up(own)
        elif self.there:
            source = self.folder.fetch_prefix(self.key)
            if watch is not None:
                for report in _reports(read_manifest(source).get("curve", ()), of):
                    watch(report)
            _handed(source, self.key, own, self.training)

    def epoch_ends(self, report: EpochReport) -> None:
        """Keep the network when its last epoch is over."""
        if report.epoch == self.epochs and not self.there:
            self._keep()

    def _made_up(self, own: Path) -> None:
        """A run that was killed behind the last shared epoch had no time to keep it."""
        if read_manifest(own).get("epoch") == self.epochs and not self.there:
            self._keep()

    def _keep(self) -> None:
        _handed(self.folder.training(self.training), self.training, self.folder.prefix(self.key), self.key)
        self.folder.push_prefix(self.key)


def _handed(source: Path, of: str, to: Path, key: str) -> None:
    """Write a checkpoint again as another training's, without an optimizer: each phase makes its own.

    Raises:
        StoreError: It is damaged, or not what its name says.
    """
    found = read(source)
    if found.fact("key") != of:
        cure = "Delete the file; the epochs are then trained again."
        raise StoreError(
            Problem(str(source), "a checkpoint of another training", "the one it is called", cure)
        )
    kept = {name: value for name, value in found.tensors.items() if not name.startswith("optimizer.")}
    write(to, kept, {**found.manifest, "key": key})


def _reports(curve: Sequence[Mapping[str, Any]], epochs: int) -> list[EpochReport]:
    return [
        EpochReport(
            epoch=point["epoch"],
            epochs=epochs,
            loss=point["loss"],
            seconds=0.0,
            learning_rate=point["learning_rate"],
            accuracy=point["accuracy"],
        )
        for point in curve
    ]
