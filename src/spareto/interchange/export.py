"""Networks go out: as code of other frameworks, and as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from spareto.core.arguments import path_of
from spareto.core.errors import ConfigError, Problem, UnknownName, did_you_mean, one_of
from spareto.core.text import shown
from spareto.exporting import ExportedNetwork
from spareto.exporting import export_to as export_code
from spareto.exporting import registry as frameworks
from spareto.interchange.formats import registry as formats
from spareto.interchange.formats._base import ExportedFile


def targets() -> tuple[str, ...]:
    """Names of everything that a network can be written for."""
    return tuple(sorted({*frameworks.names(), *formats.names()}))


def export_to(
    network: nn.Module, target: str, path: str | Path, **options: Any
) -> ExportedNetwork | ExportedFile:
    """Write a network for another framework, or as a file of a format.

    As code of a framework, weights arrive as they are stored: quantized, and zero where pruned. Thresholds
    are moved by the smallest single-precision step where the framework fires above them and ours at them, or
    the other way round. In files nothing is lost that the format can say, or carry along.

    Args:
        network: A network of `spareto.networks`, a chain of its layers, or a converted one. Code of a
            framework has no attention.
        target: `snntorch`, `spikingjelly`, `norse`, `sinabs`; or `nir`, `safetensors`, `qonnx`.
        path: Folder of `network.py` and `weights.safetensors`; or the file.
        options: Of NIR: `dt`, how long a timestep is; `lossy`, to name what NIR cannot say instead of
            refusing it; `sensor`, the shape of one sample at one timestep. Of QONNX: `sensor`.

    Raises:
        UnknownName: Nothing has that name.
        ConfigError: The target does not have one of the network's layers or neurons; says which, and what to
            do.
        StoreError: A file cannot be written.
    """
    if target in frameworks.names():
        if options:
            cure = "Leave it out."
            raise ConfigError(Problem(min(options), shown(options[min(options)]), f"none for {target}", cure))
        return export_code(network, target, path)
    if target not in formats.names():
        raise UnknownName(
            Problem("target", shown(target), one_of(targets()), did_you_mean(target, targets()))
        )
    made = formats.make(target)
    unknown = [name for name in options if name not in made.options]
    if unknown:
        rule = one_of(made.options) if made.options else f"no option, for {target} has none"
        cure = did_you_mean(unknown[0], made.options)
        raise ConfigError(Problem(unknown[0], shown(options[unknown[0]]), rule, cure))
    return made.write(network, path_of(path, "path"), **options)
