"""Readers of files that come in several parts, and of what is only seen once a file is used."""

import tempfile
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import yaml

import tiny
import workloads
from spareto.cli.own import mapping
from spareto.compression import compress
from spareto.data import DatasetInfo
from spareto.data.load import open_dataset
from spareto.data.own import load_own
from spareto.data.own.table import read_table
from spareto.hardware import cost, find_mappings, load_accelerator
from spareto.hardware.mapping.written import line_of
from spareto.records import Recipe, Workload
from spareto.records.data import DataPlan, FolderData
from spareto.records.details import TrialDetails
from spareto.reproduction.timeloop.files import TimeloopFiles, read_files
from spareto.reproduction.timeloop.files.workload import read_problem
from spareto.study.builders import builder_of
from spareto.study.config import NetworkPlan, StudyConfig
from spareto.study.cost_model import CostModel
from spareto.study.weights import load_weights

PARTS = "\n#\n"
"""Between the files that one mutated file is cut into."""

TIMELOOP = """\
architecture:
  version: 0.4
  nodes:
  - !Container {name: system, attributes: {technology: 40nm}}
  - !Component {name: Main, class: DRAM, attributes: {width: 256, datawidth: 8}}
  - !Component {name: Buffer, class: smartbuffer_SRAM, attributes: {depth: 8192, width: 256, datawidth: 8}}
  - !Container {name: PE, spatial: {meshX: 4, meshY: 4}}
  - !Component {name: Mac, class: intmac, attributes: {datawidth: 8}}
#
mapping:
- {target: Main, type: temporal, factors: R=3 P=16 K=32 C=2, permutation: PRKC}
- {target: Buffer, type: spatial, factors: R1 P1 K1 C16, permutation: PRKC}
- {target: Buffer, type: temporal, factors: [R=1, P=1], permutation: P R K C}
#
ERT:
  version: 0.4
  tables:
  - {name: 'top.Main[1..1]', actions: [{name: read, energy: 2048}, {name: write, energy: 2048}, {name: update, energy: 1}]}
  - {name: 'top.Buffer[1..1]', actions: [{name: read, energy: 30}, {name: write, energy: 2}, {name: update, energy: 1}]}
  - {name: 'top.Mac[1..16]', actions: [{name: compute, energy: 0.6}, {name: leak, energy: 0.01}]}
#
problem:
  shape:
    dimensions: [K, C, R, P]
    data-spaces:
    - {name: Weights, projection: [[[K]], [[C]], [[R]]]}
    - {name: Inputs, projection: [[[C]], [[R], [P, Wstride]]]}
    - {name: Outputs, projection: [[[K]], [[P]]], read-write: true}
  instance: {K: 32, C: 32, R: 3, P: 16, Wstride: 1}
"""  # noqa: E501 - as the tool writes it

TABLE = """\
file,label,split
a.npz,cat,train
b.npz,dog,test
c.npz,"cat",train
"""


def read_timeloop(path):
    """All parts, one file each."""
    parts = path.read_bytes().split(PARTS.encode(), 3)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        paths = [Path(folder) / f"{place}.yaml" for place in range(4)]
        for place, part in zip(paths, [*parts, b"", b"", b""], strict=False):
            place.write_bytes(part)
        read_files(TimeloopFiles(*paths[:3]), read_problem(paths[3]), "layer")


def write_recordings(path):
    """A recording whose times have gaps of every size."""
    rng = np.random.default_rng(0)
    np.savez(path, x=rng.integers(0, 9, 40), y=rng.integers(0, 9, 40), t=np.cumsum(rng.integers(0, 9, 40)),
             p=rng.integers(0, 2, 40))  # fmt: skip


def read_recordings(path):
    """A folder with one good recording and this one, through clock and bins."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for split in ("train", "test"):
            for label in "ab":
                place = Path(folder) / split / label
                place.mkdir(parents=True)
                (place / "0.npz").write_bytes(path.read_bytes())
        plan = {"folder": folder, "timesteps": 5, "sensor": [2, 16, 16]}
        data = load_own(FolderData.parse(plan, "data"))
    assert data.train_frames.shape == (5, 2, 2, 16, 16)
    assert data.train_frames.max() == 1


def read_labels(path):
    """A table of labels beside its recordings."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        samples = [Path(folder) / f"{name}.npz" for name in "abc"]
        for sample in samples:
            sample.touch()
        table = Path(folder) / "labels.csv"
        table.write_bytes(path.read_bytes())
        read_table(table, samples)


WORKLOAD = workloads.network(workloads.layer("a"), workloads.layer("b"))
CHIP = load_accelerator("eyeriss_like")
FOUND = find_mappings(WORKLOAD, CHIP, weight_format="none")
MAPPING = {"about": "found", "mappings": {name: line_of(each.nest) for name, each in FOUND.items()}}


def cost_on(path):
    """What an accelerator costs whose description can be read."""
    cost(WORKLOAD, load_accelerator(path), weight_format="none")


def cost_of(path):
    """What a workload costs that can be read."""
    cost(Workload.load(path), CHIP, weight_format="none")


def read_safetensors(path):
    """Weights of somebody else's network."""
    load_weights(tiny.network(), path)


def write_safetensors(path):
    """As a library writes it."""
    safetensors.torch.save_file(dict(tiny.network().state_dict()), path)


def write_options(path):
    """Options as they stand on a command line."""
    path.write_text("{channels: [16, 32], kernel: 3, neuron: {name: lif, tau: 2.5}, dropout: 0.1}", "utf-8")


def read_options(path):
    """A mapping that builds a network."""
    from spareto import networks

    options = mapping(path.read_text("utf-8", errors="surrogateescape"), "options")
    with torch.device("meta"):
        networks.build("conv", sensor=(2, 16, 16), classes=3, **{"channels": [4], **options})


def write_mapping(path):
    """A mapping of one layer."""
    path.write_text(yaml.safe_dump(MAPPING), "utf-8")


def try_study(path):
    """A study as far as its first training: networks and recipes are made."""
    config = StudyConfig.load(path)
    recipes = config.all_recipes()
    CostModel.of(config)
    if isinstance(config.data, DataPlan):
        open_dataset(config.data.name, **config.data.options)
    if isinstance(config.network, NetworkPlan):
        network, _ = builder_of(config.network).build(INFO)
        for recipe in recipes[:6]:
            compress(network, recipe)


def try_recipe(path):
    """A network compressed by a recipe."""
    compress(NETWORK, Recipe.load(path)).eval()(FRAMES)


INFO = DatasetInfo(tiny.CLASSES, tiny.SENSOR, 310_000, licence="", source="")
NETWORK, FRAMES = tiny.network(), torch.zeros(2, 1, *tiny.SENSOR)
STUDY = """\
name: demo
data: {name: digits, timesteps: 8, options: {sensor: 8, seed: 0}}
network: {name: conv, options: {channels: [3], votes: 2, kernel: 3, neuron: {name: lif, tau: 2.5, reset: zero}}}
accelerator: eyeriss_like
weight_formats: [none, rle]
training: {epochs: 2, batch_size: 32, learning_rate: 0.01, max_shift: 1}
seeds: [0, 1]
grid:
  - {regime: quantize, bits: [8, 2], training: {epochs: 3}}
  - {regime: joint, bits: [4], sparsity: [0.8]}
"""  # noqa: E501 - one thing a line
RECIPE = """\
layers: {include: ['*'], exclude: [], first: true}
steps:
  - {kind: prune, sparsity: 0.8, pruner: magnitude, floor: 0.05, schedule: {name: gradual, options: {rounds: 4, end: 0.5}}}
  - {kind: quantize, bits: 4, quantizer: percentile_range, options: {percentile: 99}, bias_bits: 8, neuron_bits: 8,
     membrane: {bits: 8, v_max: 2.0}, layer_bits: [{layers: 'f*', bits: 2}], fold_batch_norm: true, rounding: ewgs}
storage_bits: 8
"""  # noqa: E501 - one step a line


def write_details(path):
    """What a trial looked like, as far as it has parts."""
    TrialDetails.parse(DETAILS, "details").save(path)


HISTOGRAM = {
    "name": "a",
    "low": -1,
    "high": 1,
    "before": [1, 2],
    "after": [2, 1],
    "zeros": 3,
    "levels": [0.5],
}
RASTER = {"name": "a", "neurons": 4, "shown": [0, 3], "spikes": ["1.", ".1"]}
SAMPLE = {"index": 0, "label": 1, "frames": ["01", "10"], "height": 1, "width": 2, "answers": [[0.5, 0.5]]}
DETAILS = {
    "epochs": [{"epoch": 1, "loss": 0.5, "learning_rate": 0.01, "accuracy": 0.9}],
    "confusion": [[3, 1], [0, 4]],
    "weights": [HISTOGRAM],
    "silence": [{"name": "a", "neurons": 4, "silent": 1}],
    "samples": [{**SAMPLE, "rasters": [RASTER]}],
}
