"""What a file format is: how it writes a network of ours, and how it gives one back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from spareto.converting.network import ConvertedNetwork
from spareto.core.errors import ConfigError, Problem


@dataclass(frozen=True)
class ExportedFile:
    """A network in a file.

    Args:
        path: The file.
        notes: What a reader of the file should know, one sentence each.
        losses: What the file does not say of the network, one sentence each.
    """

    path: Path
    notes: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()


class FileFormat(ABC):
    """A format of networks; one file each in `interchange/formats/`.

    Attributes:
        options: What `write` takes beside network and path.
    """

    options: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def write(self, network: nn.Module, path: Path, **options: Any) -> ExportedFile:
        """Write a network, atomically.

        Raises:
            ConfigError: The format cannot say one of its layers; names it, and what to do.
            StoreError: The file cannot be written.
        """

    def reads(self, source: Any) -> bool:
        """Whether `read` takes this: a path, or an object of the format's library."""
        return False

    def read(self, source: Any, sample: Any, **options: Any) -> ConvertedNetwork:
        """The network of a file; its `notes` say what a reader should know.

        Args:
            source: What `reads` knows.
            sample: Some inputs `(time, samples, ...)` to try it on, or None.
            options: Those of the format.

        Raises:
            ConfigError: The file says what no network of ours has.
            StoreError: It is damaged, or no such file.
        """
        rule, cure = "a file of a format that is read", "Read a .nir or .safetensors file."
        raise ConfigError(Problem(str(source), "a format that is only written", rule, cure))
