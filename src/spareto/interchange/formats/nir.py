"""NIR: the graph that other frameworks read, with our own description in its metadata."""

from __future__ import annotations

from inspect import signature
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.compression import bake
from spareto.compression.copies import copy_of
from spareto.converting.comparing import compared
from spareto.converting.network import ConvertedNetwork
from spareto.core.artifacts import canonical_json, replacing
from spareto.core.errors import ConfigError, Problem, StoreError
from spareto.core.strict import from_json
from spareto.core.text import shown
from spareto.interchange._description import manifest_of, network_of
from spareto.interchange._trying import tried
from spareto.interchange.formats._base import ExportedFile, FileFormat
from spareto.interchange.nir import reference
from spareto.interchange.nir.flat import FlatGraph
from spareto.interchange.nir.reading import NirReader
from spareto.interchange.nir.tree import Tree, digest, is_hdf5, library, read_tree, tree_of
from spareto.interchange.nir.writing import NirWriter
from spareto.networks import Network
from spareto.running import samples_of

KEY: Final = "spareto"
"""Of our description in a graph's metadata."""


class Nir(FileFormat):
    """NIR, strict or lossy; what is ours comes back from the metadata exactly."""

    options: ClassVar[tuple[str, ...]] = ("dt", "lossy", "sensor")

    @override
    def write(
        self,
        network: nn.Module,
        path: Path,
        *,
        dt: float | None = None,
        lossy: bool = False,
        sensor: tuple[int, ...] | None = None,
        **options: Any,
    ) -> ExportedFile:
        nir, dt = library("nir"), _checked_dt(dt)
        manifest, tensors = manifest_of(network)
        plain = copy_of(network).eval()
        bake(plain)
        writer = NirWriter(nir, dt, lossy)
        made = writer.write(plain, _sensor_of(plain, sensor))
        # newer versions check shapes, and are wrong about convolutions in groups
        unchecked = {"type_check": False} if "type_check" in signature(nir.NIRGraph).parameters else {}
        graph = nir.NIRGraph(nodes=made.nodes, edges=made.edges, **unchecked)
        graph.metadata = {KEY: _packed(manifest, tensors, digest(tree_of(graph)))}
        content = BytesIO()
        nir.write(content, graph)
        with replacing(path) as temporary:
            temporary.write_bytes(content.getvalue())
        return ExportedFile(path, tuple(made.notes), tuple(made.losses))

    @override
    def reads(self, source: Any) -> bool:
        if isinstance(source, Path):
            return source.suffix == ".nir" or is_hdf5(source)
        return type(source).__module__.partition(".")[0] == "nir" and hasattr(source, "to_dict")

    @override
    def read(
        self,
        source: Any,
        sample: Any,
        *,
        dt: float | None = None,
        reset: str | None = None,
        surrogate: str | None = None,
        **options: Any,
    ) -> ConvertedNetwork:
        if reset not in (None, "zero", "subtract"):
            raise ConfigError(Problem("reset", shown(reset), "'zero' or 'subtract'", "Leave it out."))
        tree = read_tree(source) if isinstance(source, Path) else tree_of(source)
        name = str(source) if isinstance(source, Path) else "the graph"
        ours = _ours(tree, name)
        if ours is not None:
            return tried(ours, sample)
        graph, dt = FlatGraph(tree), _checked_dt(dt)
        frames = None if sample is None else samples_of(sample, None, layout="time-first").frames.float()
        shape = None if frames is None else tuple(frames.shape[2:])
        reader = NirReader(graph, dt, reset, surrogate, shape)
        try:
            network, signals = reader.read()
        except RecursionError:
            rule = "a chain that Python can follow"
            raise ConfigError(Problem(name, "a chain of too many nodes", rule, "Use fewer.")) from None
        network.notes = tuple(reader.notes)
        if KEY in tree.metadata:
            network.notes += ("The graph was changed after spareto wrote it: the graph is taken.",)
        network.eval()
        if frames is not None:
            with torch.no_grad():
                spikes, output = reference.run(graph, reader.layers, reader.shapes(), frames, dt, reset)
                network.notes += compared(network, signals, frames, spikes, output)
        return network


def _checked_dt(dt: float | None) -> float:
    if isinstance(dt, bool) or not isinstance(dt, int | float) or not 0 < dt < float("inf"):
        rule = "the time of a timestep, in the unit of the file's time constants"
        cure = "Pass it: dt=1e-4 is snnTorch's and SpikingJelly's, dt=1 that of sinabs."
        raise ConfigError(Problem("dt", "nothing" if dt is None else shown(dt), rule, cure))
    return float(dt)


def _sensor_of(network: nn.Module, given: tuple[int, ...] | None) -> tuple[int, ...]:
    if given is not None:
        if not isinstance(given, tuple | list) or any(
            not isinstance(side, int) or side < 1 for side in given
        ):
            raise ConfigError(
                Problem("sensor", shown(given), "sizes of one sample at one timestep, (2, 34, 34)")
            )
        return tuple(given)
    if isinstance(network, Network):
        return tuple(network.sensor)
    first = next((m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d)), None)
    if isinstance(first, nn.Linear):
        return (first.in_features,)
    cure = "Pass sensor=(channels, height, width)."
    raise ConfigError(Problem("sensor", "nothing", "the shape of one sample at one timestep", cure))


def _packed(manifest: dict[str, Any], tensors: dict[str, Tensor], said: str) -> dict[str, Any]:
    """Our description as metadata: arrays have an axis at least, for nir fails on others."""
    shapes = {name: list(value.shape) for name, value in tensors.items()}
    arrays = {name: value.reshape(-1).numpy() for name, value in tensors.items()}
    text = canonical_json({"manifest": manifest, "shapes": shapes, "graph": said})
    return {"description": text, "tensors": arrays}


def _ours(tree: Tree, name: str) -> ConvertedNetwork | None:
    """The network of our own description; None if there is none, or the graph is another since.

    Raises:
        StoreError: It is damaged.
    """
    carried = tree.metadata.get(KEY)
    if not isinstance(carried, dict):
        return None
    try:
        text, arrays = carried["description"], carried.get("tensors", {})
        said = from_json(text if isinstance(text, str) else str(np.asarray(text).item()))
        if said["graph"] != digest(tree):
            return None
        tensors = {
            key: torch.from_numpy(np.array(value)).reshape(said["shapes"][key])
            for key, value in arrays.items()
        }
        manifest = said["manifest"]
        if not isinstance(manifest, dict):
            raise ValueError("a manifest that is no mapping")
    except (ValueError, KeyError, TypeError, RuntimeError, AttributeError, OverflowError) as error:
        got = " ".join(str(error).split())[:120]
        cure = f"Delete metadata['{KEY}'] to read the graph alone, or write the file again."
        rule = "what spareto wrote"
        raise StoreError(
            Problem(name, f"a damaged description in its metadata ({got})", rule, cure)
        ) from None
    return network_of(manifest, tensors, name)
