"""Every reader of a file that a stranger may have written, with a good file to begin from."""

import gzip
import hashlib
import json
import sqlite3
import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from random import Random

import numpy as np
import torch
from scipy.io import savemat, wavfile

import event_files
import factories
import tiny
import workloads
from fuzz import mutations
from fuzz import network_readers as networks
from fuzz import other_readers as others
from fuzz import store_readers as stores
from spareto.compression import compress
from spareto.core import config
from spareto.data import DatasetInfo
from spareto.data.datasets import asl_dvs, dvs_gesture
from spareto.data.idx import read_idx
from spareto.data.npz_events import read_arrays, recordings_of
from spareto.data.own.files import read_sample
from spareto.data.readers import read_events
from spareto.data.sound import read_wav
from spareto.hardware import load_accelerator, tables
from spareto.hardware.mapping.written import load_mappings
from spareto.lowering import lower
from spareto.package import read_package, vectors_of, write_package
from spareto.records import Recipe, Workload
from spareto.records.details import TrialDetails
from spareto.runtime import Engine
from spareto.study.config import NetworkPlan, StudyConfig
from spareto.study.networks import load_network, save_network
from spareto.study.store import TrialStore
from spareto.study.weights import load_weights
from spareto.training import stored
from spareto.training.checkpoint import load_checkpoint, save_checkpoint

INFO = DatasetInfo(10, (2, 34, 34), 310_000, licence="", source="")


@dataclass(frozen=True)
class Reader:
    """One way into the program.

    Args:
        name: What it reads.
        suffix: Of its files.
        write: Makes a good file.
        read: Reads a file.
        mutate: A mutation of its content.
        mend: Makes the checksum of a mutated file right again, where it has one; else gives None.
    """

    name: str
    suffix: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]
    mutate: Callable[[bytes, Random], bytes]
    mend: Callable[[bytes], bytes | None] = lambda content: None


def _builtin(package, name):
    return lambda path: path.write_bytes(resources.files(package).joinpath(name).read_bytes())


def _text(content):
    return lambda path: path.write_text(content, encoding="utf-8")


def _network(path):
    recipe = Recipe.parse(RECIPE, "recipe")
    plan = NetworkPlan(name="conv", options={"channels": [3], "votes": 2})
    save_network(path, compress(tiny.network(), recipe), plan, recipe, tiny.SENSOR, tiny.CLASSES)


def _optimizer(network):
    return torch.optim.Adam(network.parameters())


def _checkpoint(path):
    network = tiny.network()
    optimizer = _optimizer(network)
    sum(p.sum() for p in network.parameters()).backward()
    optimizer.step()
    manifest = {"key": "a", "epoch": 1, "finished": False, "seed": 0, "versions": {}, "plan": {}}
    save_checkpoint(path, network, optimizer, manifest, {"x": torch.ones(2)})


def _read_checkpoint(path):
    network = tiny.network()
    load_checkpoint(path, network, _optimizer(network))


def _header(content):
    return 8, 8 + int.from_bytes(content[:8], "little")


def _reheaded(content):
    """The header's length and the checksum right again, as far as there is a header."""
    end = content.find(b"}}", 8)
    begin, stop = _header(content)
    for cut in (stop, end + 2):
        try:
            header = json.loads(content[begin:cut])
            facts = json.loads(header["__metadata__"]["spareto"])
            tensors = stored.load(content[:8] + content[begin:])
            facts[stored.CHECKSUM] = stored.checksum(tensors, facts)
            header["__metadata__"]["spareto"] = config.json.dumps(facts)
            packed = json.dumps(header).encode()
            packed += b" " * (-len(packed) % 8)
            return len(packed).to_bytes(8, "little") + packed + content[stop:]
        except Exception:  # too damaged to be mended
            continue
    return None


def _resealed(content):
    try:
        data = json.loads(content)
        data.pop(config.SEAL, None)
        return json.dumps({**data, config.SEAL: config._seal(data)}).encode()
    except Exception:  # too damaged to be mended
        return None


def _package(path, weight_format="best"):
    network = compress(tiny.network(), Recipe.parse(RECIPE, "recipe")).eval()
    lowered = lower(network).network
    frames = np.random.default_rng(0).integers(0, 2, (3, 1, *tiny.SENSOR))
    write_package(path, lowered, weight_format, vectors_of(lowered, frames))


def _coded_package(path):
    _package(path, "ans")


def _run_package(path):
    """What is read must also run."""
    found = read_package(path)
    if np.prod(found.network.sensor) < 1 << 14:
        frames = np.ones((found.network.timesteps or 2, *found.network.sensor), np.uint8)
        if len(frames) < 64:
            Engine(found.network).decide(frames)


def _manifest(content):
    return 80, 80 + int.from_bytes(content[16:24], "little")


def _weights(content):
    text, constants, bits = struct.unpack_from("<QQQ", content, 16)
    return 80 + text + constants, 80 + text + constants + -(-bits // 8)


def _resized(content):
    """The manifest's length right again, as the sizes of the other parts tell it."""
    if len(content) < 80:
        return None
    constants, bits, vectors = struct.unpack_from("<QQQ", content, 24)
    text = len(content) - 80 - constants - -(-bits // 8) - vectors
    if text < 0:
        return None
    return _rehashed(content[:16] + struct.pack("<Q", text) + content[24:])


def _rehashed(content):
    """A package's checksum, and the sizes in its header, right again."""
    if len(content) < 80:
        return None
    head = bytearray(content[:80])
    text = struct.unpack_from("<Q", head, 16)[0]
    if text > len(content):
        return None
    digest = hashlib.sha256(bytes(head[:48]) + bytes(32))
    digest.update(content[80:])
    return bytes(head[:48]) + digest.digest() + content[80:]


_in_its_header = mutations.within(_header, mutations.text)


def _workload(path):
    workloads.network(workloads.layer("a"), workloads.layer("b")).save(path)


def _store(path):
    with TrialStore(path) as store:
        for number, trial in enumerate(factories.study()[:3]):
            store.put(f"key {number}", trial)
        store.set_meta(study="a", network="b")


def _unsealed(path):
    _store(path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE trials SET checksum = NULL")
    database.close()


def _read_store(path):
    with TrialStore(path, read_only=True) as store:
        return store.trials(), store.meta, len(store)


def _read_sealed(path):
    """Rows with checksums come back as they were put, or not at all."""
    trials, meta, count = _read_store(path)
    assert trials == tuple(factories.study()[:3])
    assert (meta, count) == ({"study": "a", "network": "b"}, 3)


def _idx(path):
    content = bytes((0, 0, 8, 3)) + struct.pack(">III", 5, 4, 4) + bytes(range(80))
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def _npz(path):
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 34, 60).astype(np.uint8) for name in ("x", "y")}
    np.savez_compressed(
        path, **arrays, p=rng.integers(0, 2, 60).astype(np.uint8), dt_us=rng.integers(0, 99, 60),
        offsets=np.array([0, 20, 60]), label=np.array([1, 2]),
    )  # fmt: skip


def _read_npz(path):
    names = ("x", "y", "p", "dt_us", "offsets", "label")
    recordings = recordings_of(read_arrays(path, names, ""), INFO, path, "")
    assert (np.diff(recordings.t_us[:20].astype(np.int64)) >= 0).all()


def _own(path):
    rng = np.random.default_rng(0)
    np.savez(
        path, x=rng.integers(0, 9, 40), y=rng.integers(0, 9, 40), t=np.arange(40), p=rng.integers(0, 2, 40)
    )


def _events(name):
    return lambda path: path.write_bytes(event_files.WRITERS[name][0](event_files.events(80)))


def _wav(path):
    wavfile.write(path, 8000, np.arange(-200, 200, dtype=np.int16))


def _matlab(path):
    t, x, y, p = np.array(event_files.events(60), np.int32).T[..., None]
    savemat(path, {"ts": t, "x": x, "y": y, "pol": p})


def _rows(path):
    np.save(path, np.array(event_files.events(60), np.float32)[:, [1, 2, 3, 0]])


def _read_events(path):
    stream = read_events(path, disorder="sort")
    assert (np.diff(stream.t_us) >= 0).all()
    assert len({len(stream.x), len(stream.y), len(stream.polarity), len(stream.t_us)}) == 1
    assert stream.polarity.max(initial=0) <= 1


RECIPE = {
    "name": "mine",
    "steps": [{"kind": "prune", "sparsity": 0.5}, {"kind": "quantize", "bits": 4}],
    "training": {"epochs": 1},
}
YAML_RECIPE = """\
name: mine
layers: {include: ['*'], exclude: [readout]}
steps:
  - {kind: prune, sparsity: 0.8, pruner: magnitude, scope: global}
  - {kind: quantize, bits: 4, quantizer: learned_clip}
order: mask_then_quantize
storage_bits: 8
training: {epochs: 4, batch_size: 32, learning_rate: 0.005}
"""
YAML_STUDY = """\
version: 1
name: demo
data: {name: digits, timesteps: 8}
network: {name: conv, options: {channels: [16, 32], votes: 5}}
accelerator: eyeriss_like
training: {epochs: 12, batch_size: 32, learning_rate: 0.01, warmup_epochs: 1}
compression_training: {epochs: 4, batch_size: 32, learning_rate: 0.005, warmup_epochs: 1}
seeds: [0, 1]
grid:
  - {regime: quantize, bits: [8, 4, 3, 2]}
  - {regime: cumulative, bits: [4, 2], sparsity: [0.8]}
"""

READERS = {
    reader.name: reader
    for reader in (
        Reader("workload", ".json", _workload, Workload.load, mutations.text, _resealed),
        Reader("network", ".safetensors", _network, load_network, _in_its_header, _reheaded),
        Reader("package", ".spareto", _package, _run_package, mutations.binary, _rehashed),
        Reader("package manifest", ".spareto", _package, _run_package,
               mutations.within(_manifest, mutations.text), _resized),
        Reader("package codes", ".spareto", _coded_package, _run_package,
               mutations.within(_weights, mutations.binary), _rehashed),
        Reader("checkpoint", ".safetensors", _checkpoint, _read_checkpoint, mutations.binary, _reheaded),
        Reader("store", ".sqlite", _store, _read_sealed, mutations.binary),
        Reader("store of before", ".sqlite", _unsealed, _read_store, mutations.binary),
        Reader("recipe", ".yaml", _text(YAML_RECIPE), Recipe.load, mutations.text),
        Reader("study", ".yaml", _text(YAML_STUDY), lambda path: StudyConfig.load(path).all_recipes(),
               mutations.text),
        Reader("accelerator", ".yaml", _builtin("spareto.hardware.accelerators", "eyeriss_like.yaml"),
               load_accelerator, mutations.text),
        Reader("table", ".yaml", _builtin("spareto.hardware.tables", f"{tables.names()[0]}.yaml"),
               lambda path: tables.load_table(str(path)), mutations.text),
        Reader("idx", ".idx", _idx, lambda path: read_idx(path, 3, ""), mutations.binary),
        Reader("packed idx", ".gz", _idx, lambda path: read_idx(path, 3, ""), mutations.binary),
        Reader("npz", ".npz", _npz, _read_npz, mutations.binary),
        Reader("wav", ".wav", _wav, read_wav, mutations.binary),
        Reader("matlab", ".mat", _matlab, asl_dvs._read_matlab, mutations.binary),
        Reader("tonic gestures", ".npy", _rows, dvs_gesture._read_tonic, mutations.binary),
        Reader("events npz", ".npz", _events("npz"), _read_events, mutations.arrays),
        Reader("own npz", ".npz", _own, read_sample, mutations.binary),
        *(Reader(name, suffix, _events(name), _read_events, mutations.binary)
          for name, (_, suffix) in event_files.WRITERS.items() if name != "npz"),
        Reader("weights", ".pt", lambda path: torch.save(tiny.network().state_dict(), path),
               lambda path: load_weights(tiny.network(), path), mutations.binary),
    )
}  # fmt: skip
READERS |= {
    reader.name: reader
    for reader in (
        Reader("timeloop", ".yaml", _text(others.TIMELOOP), others.read_timeloop, mutations.text),
        Reader("recordings", ".npz", others.write_recordings, others.read_recordings, mutations.arrays),
        Reader("labels", ".csv", _text(others.TABLE), others.read_labels, mutations.text),
        Reader("mapping", ".yaml", others.write_mapping,
               lambda path: load_mappings(path, others.WORKLOAD, others.CHIP), mutations.text),
        Reader("costed accelerator", ".yaml", _builtin("spareto.hardware.accelerators", "eyeriss_like.yaml"),
               others.cost_on, mutations.numbers),
        Reader("costed workload", ".json", _workload, others.cost_of, mutations.numbers, _resealed),
        Reader("safetensors", ".safetensors", others.write_safetensors,
               others.read_safetensors, mutations.binary),
        Reader("network tensors", ".safetensors", _network, load_network, mutations.binary, _reheaded),
        Reader("tried study", ".yaml", _text(others.STUDY), others.try_study, mutations.anything),
        Reader("tried recipe", ".yaml", _text(others.RECIPE), others.try_recipe, mutations.anything),
        Reader("details", ".json", others.write_details, TrialDetails.load, mutations.text, _resealed),
        Reader("options", ".yaml", others.write_options, others.read_options, mutations.text),
    )
}  # fmt: skip
READERS |= {
    reader.name: reader
    for reader in (
        Reader("store under way", ".sqlite", stores.write_store, stores.look, mutations.binary),
        Reader("store's cells", ".sqlite", stores.write_store, stores.look, stores.cells),
        Reader("exported csv", ".csv", stores.write_table, stores.read_table, stores.table),
        Reader("exported parquet", ".parquet", stores.write_table, stores.read_table, mutations.binary),
        Reader("description", ".safetensors", networks.write_description, networks.read_description,
               _in_its_header, _reheaded),
        Reader("nir", ".nir", networks.write_graph, networks.read_graph, mutations.binary),
        Reader("nir parameters", ".nir", networks.write_graph, networks.read_graph, networks.parameters),
        Reader("own nir", ".nir", networks.write_own_graph, networks.read_own_graph, networks.parameters),
    )
}  # fmt: skip
