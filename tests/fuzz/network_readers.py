"""Readers of networks that other programs wrote."""

import io
from itertools import pairwise

import h5py
import nir
import numpy as np
import torch

import spareto
import tiny

RECIPE = spareto.recipes.joint(bits=4, sparsity=0.5)
FRAMES = torch.zeros(2, 3, *tiny.SENSOR)


def write_description(path):
    """A compressed network as codes, masks and scales."""
    spareto.export_to(spareto.compress(tiny.network(), RECIPE), "safetensors", path)


def read_description(path):
    """What is read must also run."""
    spareto.convert(path, FRAMES)


def write_graph(path):
    """A graph of every kind of node, as another framework would write it."""
    ones = np.ones(4)
    nodes = {
        "input": nir.Input(np.array([2, 4, 4])),
        "conv": nir.Conv2d((4, 4), np.ones((3, 2, 3, 3), "f4"), (1, 1), (1, 1), (1, 1), 1, np.zeros(3, "f4")),
        "if": nir.IF(np.ones((3, 4, 4)), np.ones((3, 4, 4))),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten({"input": np.array([3, 2, 2])}, 0, -1),
        "dense": nir.Affine(np.ones((4, 12), "f4"), np.zeros(4, "f4")),
        "lif": nir.LIF(2e-4 * ones, ones, 0 * ones, ones),
        "back": nir.Linear(np.eye(4, dtype="f4")),
        "scale": nir.Scale(ones),
        "delay": nir.Delay(1e-4 * ones),
        "cuba": nir.CubaLIF(2e-4 * ones, 2e-4 * ones, ones, 0 * ones, ones),
        "output": nir.Output(np.array([4])),
    }
    names = [name for name in nodes if name != "back"]
    edges = [*pairwise(names), ("lif", "back"), ("back", "lif")]
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=edges))


def read_graph(path):
    """Read, built and compared."""
    spareto.convert(path, torch.ones(2, 3, 2, 4, 4), dt=1e-4, reset="zero")


def write_own_graph(path):
    """One of ours, with its description in the metadata."""
    network = spareto.networks.registry.make(
        "dense", sensor=tiny.SENSOR, classes=tiny.CLASSES, hidden=(5,), neuron={"name": "lif", "tau": 2.0}
    )
    spareto.export_to(spareto.compress(network, RECIPE), "nir", path, dt=1e-4)


def read_own_graph(path):
    """Read by its description, or by the graph where that was changed."""
    spareto.convert(path, FRAMES, dt=1e-4, reset="zero")


def parameters(content, pick):
    """A mutation of numbers and texts in a graph: what a reader of a well-formed file meets."""
    packed = io.BytesIO(content)
    with h5py.File(packed, "r+") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        for _ in range(pick.choice((1, 1, 2, 4))):
            name = pick.choice(sorted(found))
            if name not in file:
                continue
            value = file[name][()]
            new = _changed(value, pick)
            del file[name]
            if new is not None:
                file[name] = new
    return packed.getvalue()


def _changed(value, pick):
    if isinstance(value, bytes):
        return pick.choice((b"LIF", b"Conv2d", b"NIRGraph", b"", b"same", b"{}", value[: len(value) // 2]))
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or pick.random() < 0.2:
        return None
    if pick.random() < 0.4:
        return array.reshape(-1)[: pick.randrange(array.size + 1)]
    with np.errstate(all="ignore"):
        array = array.astype(pick.choice(("f4", "f8", "i8", "u1", "f2")))
        values = (0, 1, -1, 2, 0.5, 1e9) if array.dtype.kind != "f" else (0, -1, 2, 0.5, 1e30, np.nan, np.inf)
        if array.size:
            place = pick.randrange(array.size) if pick.random() < 0.5 else slice(None)
            array.reshape(-1)[place] = np.asarray(pick.choice(values), "f8").astype(array.dtype)
    return array if array.ndim else array[()]
