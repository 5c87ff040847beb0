"""safetensors with a JSON manifest: codes, scales and masks as tensors, everything else in the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn
from typing_extensions import override

from spareto.converting.network import ConvertedNetwork
from spareto.core.errors import ConfigError, Problem, StoreError
from spareto.core.versions import versions
from spareto.interchange._description import DESCRIPTION, manifest_of, network_of
from spareto.interchange._trying import tried
from spareto.interchange.formats._base import ExportedFile, FileFormat
from spareto.training.stored import read, write


class SafeTensors(FileFormat):
    """Lossless, both ways: quantizers, masks, scales, resets and surrogates come back as they were."""

    @override
    def write(self, network: nn.Module, path: Path, **options: Any) -> ExportedFile:
        manifest, tensors = manifest_of(network)
        write(path, tensors, {DESCRIPTION: manifest, "versions": versions()})
        return ExportedFile(path)

    @override
    def reads(self, source: Any) -> bool:
        return isinstance(source, Path) and source.suffix == ".safetensors"

    @override
    def read(self, source: Any, sample: Any, **options: Any) -> ConvertedNetwork:
        rule = "a file of spareto.export_to"
        try:
            found = read(source)
        except StoreError as error:
            cure = "Write it again; of a plain state dict, say its layers=."
            raise StoreError(Problem(each.where, each.got, rule, cure) for each in error.problems) from None
        if not isinstance(found.manifest.get(DESCRIPTION), dict):
            cure = "Read networks of studies with spareto.load_network."
            raise ConfigError(Problem(str(source), "a file without a network's description", rule, cure))
        return tried(network_of(found.manifest[DESCRIPTION], found.tensors, str(source)), sample)
