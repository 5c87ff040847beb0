"""A user's mistake: exact text on stderr, exit status 2, no traceback, and nothing begun."""

import inspect
import sqlite3
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import yaml

import factories
import tiny
from spareto import pruners, quantizers
from spareto.cli import main
from spareto.compression import rehearse
from spareto.core.errors import InputError
from spareto.data import registry
from spareto.hardware import accelerator_names
from spareto.networks.conv import ConvNetwork
from spareto.pruners import schedules
from spareto.records import Recipe
from spareto.study.store import STORE_NAME, TrialStore

PRUNERS, SCHEDULES, QUANTIZERS = (
    ", ".join(registry.names()) for registry in (pruners.registry, schedules.registry, quantizers.registry)
)
DATA_SETS = ", ".join(registry.names())
FORMATS = "aer, bitmask, block_bitmask, cp, csc, nested, none, rle, time_packed, uop, best"
CONV_OPTIONS = ", ".join(inspect.signature(ConvNetwork).parameters)
WHERE_NMNIST_IS = (
    "Get it from https://www.garrickorchard.com/datasets/n-mnist (data set 'nmnist' reads the whole of it),"
    " and set SPARETO_DATA (or the data option 'root') to the folder of nmnist_small.npz."
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARETO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Call the command, which must refuse with exactly these lines and leave no run folder."""
    monkeypatch.chdir(tmp_path)

    def check(arguments, *lines: str) -> None:
        monkeypatch.setattr(sys, "argv", ["spareto", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, told = capsys.readouterr()
        assert told.splitlines() == list(lines)
        assert (end.value.code, out) == (2, "")
        assert not (tmp_path / "runs").exists()

    return check


@pytest.fixture
def study(tmp_path):
    """Write a study file of the given keys; the arguments that run it."""

    def write(**changes) -> list[str]:
        keys = {"data": {"name": "digits", "timesteps": 2, "options": {"sensor": 8}}, **changes}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump({"name": "bad", **keys}))
        return ["study", "run", "study.yaml", "--quiet"]

    return write


@pytest.fixture
def recipe(tmp_path, study):
    """Write a recipe file of the given steps; the arguments that run a study of it."""

    def write(*steps: dict, **changes) -> list[str]:
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"name": "mine", "steps": steps, **changes}))
        return study(recipes=["mine.yaml"])

    return write


@pytest.fixture
def accelerator(tmp_path):
    """Write the built-in accelerator with its DRAM changed; the arguments that read it."""

    def write(change) -> list[str]:
        text = resources.files("spareto.hardware.accelerators").joinpath("eyeriss_like.yaml").read_text()
        chip = yaml.safe_load(text)
        change(chip["components"][0])
        (tmp_path / "chip.yaml").write_text(yaml.safe_dump(chip))
        return ["accelerators", "chip.yaml"]

    return write


def test_unknown_keys_of_a_recipe(recipe, refused) -> None:
    refused(
        recipe({"kind": "prune", "sparsity": 0.5, "prunner": "random"}, layerz={}),
        "recipe.steps[0].prunner: got an unknown key; expected one of kind, start, pruner, sparsity, scope,"
        " floor, options, schedule, layer_sparsity. Did you mean 'pruner'?",
        "recipe.layerz: got an unknown key; expected one of version, name, layers, steps, order,"
        " storage_bits, training, neurons. Did you mean 'layers'?",
    )


def test_no_bits_and_too_much_sparsity(recipe, refused) -> None:
    refused(
        recipe({"kind": "prune", "sparsity": 1.2}, {"kind": "quantize", "bits": 0}),
        "recipe.steps[0].sparsity: got 1.2; expected a share from 0 to below 1. Write 80 % as 0.8.",
        "recipe.steps[1].bits: got 0; expected an integer from 1 to 16."
        " Use quantizer 'sign' for binary weights.",
    )


def test_no_bits_in_a_grid(study, refused) -> None:
    refused(
        study(grid=[{"regime": "quantize", "bits": [4, 0]}]),
        "study.grid[0].bits[1]: got 0; expected an integer from 1 to 16."
        " Use quantizer 'sign' for binary weights.",
    )


def test_parts_of_a_recipe_nobody_has(recipe, refused) -> None:
    """All are named before anything is trained."""
    prune = {"kind": "prune", "sparsity": 0.5, "pruner": "magnitud", "schedule": "gradul"}
    refused(
        recipe(prune, {"kind": "quantize", "bits": 4, "quantizer": "sgn"}, layers={"include": ["conv9*"]}),
        "recipe 'mine', layers.include[0]: got 'conv9*'; expected a pattern that matches a layer."
        " The network has features.0.conv, features.1.conv, readout.0.linear.",
        f"recipe 'mine', pruner: got 'magnitud'; expected one of {PRUNERS}. Did you mean 'magnitude'?",
        f"recipe 'mine', schedule: got 'gradul'; expected one of {SCHEDULES}. Did you mean 'gradual'?",
        f"recipe 'mine', quantizer: got 'sgn'; expected one of {QUANTIZERS}. Did you mean 'sign'?",
    )


@pytest.mark.parametrize(
    ("quantizer", "bits", "rule"),
    [
        ("sign", 4, "1 bit."),
        ("learned_clip", 1, "2 to 16 bits. Use quantizer 'sign' for binary weights."),
    ],
)
def test_bits_a_quantizer_has_no_codes_for(recipe, refused, quantizer, bits, rule) -> None:
    refused(
        recipe({"kind": "quantize", "bits": bits, "quantizer": quantizer}),
        f"recipe 'mine', quantizer '{quantizer}'.bits: got {bits}; expected {rule}",
    )


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"rounding": "ewg"}, "rounding: got 'ewg'"),
        ({"layer_bits": [{"layers": "conv9*", "bits": 2}]}, "steps[1].layer_bits[0].layers: got 'conv9*'"),
        (
            {"quantizer": "percentile_range", "options": {"percentile": 500}},
            "steps[1].options.percentile: got 500",
        ),
        ({"options": {"nothing": 1}}, "steps[1].options.nothing: got an unknown option"),
        ({"layer_bits": [{"layers": "*", "bits": 4, "quantizer": "sgn"}]}, "quantizer: got 'sgn'"),
    ],
)
def test_what_a_quantizer_refuses_is_refused_before_training(said, place) -> None:
    steps = [{"kind": "prune", "sparsity": 0.5}, {"kind": "quantize", "bits": 4, **said}]
    with pytest.raises(InputError) as error:
        rehearse(tiny.network(), Recipe.parse({"name": "mine", "steps": steps}, "recipe"), tiny.frame_data())
    assert str(error.value).removeprefix("recipe.").startswith(f"{place}; expected ")
    assert len(error.value.problems) == 1


def test_a_training_too_short_to_prune_first_and_quantize_later(study, refused) -> None:
    refused(
        study(
            compression_training={"epochs": 1},
            grid=[{"regime": "cumulative", "bits": [4], "sparsity": [0.5]}],
        ),
        "recipe 'cumulative 4 bit 50 %', training.epochs: got 1 epoch; expected enough for an epoch between"
        " the starts 0 and 0.5. Train longer, or let both steps start together.",
    )


def test_a_recipe_file_that_is_not_there(study, refused) -> None:
    refused(
        study(recipes=["none.yaml"]),
        "none.yaml: got no such file; expected a YAML or JSON file. Check the path.",
    )


def test_an_unknown_key_of_an_accelerator(accelerator, refused) -> None:
    refused(
        accelerator(lambda dram: dram.update(read_enrgy=dram.pop("read_energy"))),
        "accelerator.components[0].read_energy: got nothing; expected a value. Add the key 'read_energy'.",
        "accelerator.components[0].read_enrgy: got an unknown key; expected one of kind, name, about, keeps,"
        " compresses, instances, depth, width, read_energy, write_energy, read_bandwidth, write_bandwidth,"
        " burst, wire_energy, latency, leakage, area. Did you mean 'read_energy'?",
    )


def test_a_number_without_a_unit(accelerator, refused) -> None:
    def change(dram: dict) -> None:
        dram["read_energy"] = {"value": 512, "source": "Accelergy"}
        dram["write_energy"] = 512

    place, rule = "accelerator.components[0]", "expected a number with its unit and source."
    refused(
        accelerator(change),
        f"{place}.read_energy: got {{'source': 'Accelergy', 'value': 512}}; {rule}"
        ' Write {value: 512, unit: pJ, source: "Accelergy"}.',
        f'{place}.write_energy: got 512; {rule} Write {{value: 512, unit: pJ, source: "..."}}.',
    )


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (
            {"accelerator": "eyeris_like"},
            [
                f"accelerator: got 'eyeris_like'; expected one of {', '.join(accelerator_names())}."
                " Did you mean 'eyeriss_like'?"
            ],
        ),
        (
            {"weight_formats": ["rle", "bitmsk", "zip"]},
            [
                f"study.weight_formats[1]: got 'bitmsk'; expected one of {FORMATS}. Did you mean 'bitmask'?",
                f"study.weight_formats[2]: got 'zip'; expected one of {FORMATS}.",
            ],
        ),
        (
            {"data": {"name": "digitz"}},
            [f"data set: got 'digitz'; expected one of {DATA_SETS}. Did you mean 'digits'?"],
        ),
        (
            {"data": {"name": "nmnist_small", "options": {"rot": "x"}}},
            ["data.options.rot: got an unknown option; expected one of root. Did you mean 'root'?"],
        ),
        (
            {"network": {"name": "cnov"}},
            [
                "network: got 'cnov'; expected one of conv, dense, plif, resnet19, tcja, vgg16, vgg_snn."
                " Did you mean 'conv'?"
            ],
        ),
        (
            {"network": {"name": "conv", "options": {"chanels": [2], "size": 3}}},
            [
                f"network 'conv'.chanels: got an unknown option; expected one of {CONV_OPTIONS}."
                " Did you mean 'channels'?",
                f"network 'conv'.size: got an unknown option; expected one of {CONV_OPTIONS}."
                " Did you mean 'stride'?",
            ],
        ),
        (
            {"network": {"name": "conv", "options": {"channels": "wide", "votes": 0, "dropout": 1}}},
            [
                "network 'conv'.channels: got 'wide'; expected a list of integers from 1 to 65,536.",
                "network 'conv'.votes: got 0; expected an integer from 1 to 65,536.",
                "network 'conv'.dropout: got 1; expected a share from 0 to below 1.",
            ],
        ),
        (
            {"network": {"name": "conv", "options": {"neuron": {"name": "iaf"}, "tau": 3}}},
            [
                "network 'conv'.neuron.tau: got an unknown option; expected one of gain, v_start,"
                " v_threshold, reset, v_reset, strict, detach_reset, surrogate, slope."
            ],
        ),
        (
            {"network": {"name": "conv", "options": {"classes": 3}}},
            [
                "study.network: got {'name': 'conv', 'options': {'classes': 3}};"
                " expected options without classes, which the data set gives."
            ],
        ),
    ],
)
def test_what_a_study_names_but_nobody_has(study, refused, keys, lines) -> None:
    refused(study(**keys), *lines)


def test_a_device_that_is_not_there(study, refused, monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    refused(
        [*study(), "--device", "cuda"],
        "device: got 'cuda'; expected a device that torch finds here."
        " Choose cpu, or install a torch that finds the GPU.",
    )
    refused(
        [*study(), "--device", "cud"],
        "device: got 'cud'; expected one of cpu, cuda, auto. Did you mean 'cuda'?",
    )


def test_a_study_shared_by_processes(study, refused, monkeypatch) -> None:
    """As torchrun would start it: every process would write the same store."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused(
        study(),
        "study: got 2 processes; expected one. Run it without torchrun; a script of your own that calls"
        " spareto.train can share its batches.",
    )


def test_a_missing_data_file(study, refused, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SPARETO_DATA", str(tmp_path))
    refused(
        study(data={"name": "nmnist_small"}),
        f"{tmp_path / 'nmnist_small.npz'}: got no such file or folder;"
        f" expected a NumPy archive of event recordings. {WHERE_NMNIST_IS}",
    )


def test_a_truncated_data_file(study, refused, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SPARETO_DATA", str(tmp_path))
    path = tmp_path / "nmnist_small.npz"
    names = ("x", "y", "p", "dt_us", "offsets", "label", "sample_id")
    np.savez(path, **{name: np.arange(1000) for name in names})
    path.write_bytes(path.read_bytes()[:9000])
    refused(
        study(data={"name": "nmnist_small"}),
        f"{path}: got a truncated or damaged file (File is not a zip file);"
        f" expected a NumPy archive of event recordings. {WHERE_NMNIST_IS}",
    )


@pytest.mark.parametrize("command", [["front"], ["front", "--json"], ["report"]])
def test_a_study_written_by_a_newer_version(refused, tmp_path, command) -> None:
    path = tmp_path / STORE_NAME
    with TrialStore(path) as store:
        store.put("0", next(iter(factories.study())))
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    refused(
        [*command, tmp_path],
        f"{path}: got study format 99; expected format 3 or older."
        " Update spareto, or start a new study folder.",
    )
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == [STORE_NAME]


def test_the_installed_command_answers_the_same(study, tmp_path) -> None:
    """Once as users call it: another process, its own stderr."""
    done = subprocess.run(
        [Path(sys.executable).with_name("spareto"), *study(weight_formts=["rle"])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "study.weight_formts: got an unknown key; expected one of version, name, data, network, accelerator,"
        " datasets, networks, accelerators, weight_formats, spike_format, statistic, seeds, validation_share,"
        " training, compression_training,"
        " grid, recipes, objectives, constraints, search."
        " Did you mean 'weight_formats'?\n"
    )


def test_a_recipe_without_a_step(refused, tmp_path):
    (tmp_path / "idle.yaml").write_text("steps: []\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text("import tiny\nbuild = tiny.plain\n", encoding="utf-8")
    cure = "Leave it out: studies have the dense network."
    said = f"idle.yaml.steps: got []; expected a step, neurons or storage_bits. {cure}"
    refused(["compress", "mine.py:build", "idle.yaml"], said)
