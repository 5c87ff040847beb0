"""What an export target is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from spareto.integer import IntegerNetwork
from spareto.package.vectors import Vectors


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        files: In the order in which they were written.
        memory: What takes how many bytes: constants, then states and what lies between layers.
    """

    files: tuple[Path, ...]
    memory: dict[str, int]


class Target(ABC):
    """A machine or language that integer networks are written for; one file each in `export/`."""

    @abstractmethod
    def write(self, network: IntegerNetwork, folder: Path, vectors: Vectors | None = None) -> Exported:
        """Write the network into a folder, file by file, atomically.

        Args:
            network: The network.
            folder: Where to.
            vectors: Test vectors, for targets that write a test.

        Raises:
            StoreError: A file cannot be written.
            ConfigError: The target cannot hold the network.
        """
