"""Weights as training scripts leave them: taken off their wrappings, or explained in a line."""

import argparse
import zipfile
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import tiny
from spareto import recipes
from spareto.compression import compress
from spareto.core.errors import ConfigError
from spareto.records import TrainingPlan
from spareto.study.weights import load_weights
from spareto.training import save_checkpoint, train


class Wrapper(nn.Module):
    """As DataParallel and Lightning: the network under a name of its own."""

    def __init__(self, network, name):
        super().__init__()
        self.add_module(name, network)


def trained():
    return tiny.plain(7)


def prefixed(prefix):
    return {f"{prefix}{name}": value for name, value in trained().state_dict().items()}


STATE = trained().state_dict()
FORMS = {
    "plain": dict(STATE),
    "ordered": OrderedDict(STATE),
    "parameters": {name: nn.Parameter(value) for name, value in STATE.items()},
    "half": {name: value.bfloat16().float() for name, value in STATE.items()},
    "module": prefixed("module."),
    "compiled": prefixed("_orig_mod."),
    "both": prefixed("module._orig_mod."),
    "lightning": {
        "epoch": 3,
        "global_step": 9,
        "state_dict": prefixed("net."),
        "optimizer_states": [{"a": 1}],
    },
    **{
        key: {key: dict(STATE), "epoch": 1}
        for key in ("state_dict", "model_state_dict", "model", "net", "network")
    },
    "optimizer_beside": {"model": dict(STATE), "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}},
    "twice": {"checkpoint": {"state_dict": prefixed("module.")}},
    "unknown_wrapper": {"my_weights": dict(STATE), "epoch": 1},
}


def same(network, state=STATE):
    return all(torch.equal(network.state_dict()[name], state[name]) for name in state)


@pytest.mark.parametrize("form", FORMS)
def test_every_wrapping_comes_off(tmp_path, form):
    torch.save(FORMS[form], tmp_path / "w.pt")
    network = tiny.plain()
    load_weights(network, tmp_path / "w.pt")
    expected = STATE if form != "half" else FORMS["half"]
    assert same(network, expected)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".bin", ".tar"])
def test_every_suffix_of_torch_is_read(tmp_path, suffix):
    torch.save(dict(STATE), tmp_path / f"w{suffix}")
    network = tiny.plain()
    assert load_weights(network, tmp_path / f"w{suffix}") == ()
    assert same(network)


def test_safetensors_and_checkpoints_of_ours(tmp_path):
    save_file(prefixed("module."), tmp_path / "w.safetensors")
    network = tiny.plain()
    notes = load_weights(network, tmp_path / "w.safetensors")
    assert notes == ("w.safetensors: the prefix 'module.' is taken off the names.",)
    assert same(network)
    optimizer = torch.optim.Adam(trained().parameters())
    save_checkpoint(tmp_path / "c.safetensors", trained(), optimizer, {})
    network = tiny.plain()
    load_weights(network, tmp_path / "c.safetensors")
    assert same(network)


def test_a_checkpoint_of_a_training_of_ours(tmp_path):
    network, path = tiny.network(), tmp_path / "c.safetensors"
    train(network, tiny.frame_data(), TrainingPlan(epochs=1, average_epochs=1), checkpoint=path)
    fresh = tiny.network(5)
    load_weights(fresh, path)
    assert same(fresh, network.state_dict())


def test_what_was_taken_off_is_said(tmp_path):
    torch.save(FORMS["lightning"], tmp_path / "w.pt")
    assert load_weights(tiny.plain(), tmp_path / "w.pt") == (
        "w.pt: the weights stand under 'state_dict'.",
        "w.pt: the prefix 'net.' is taken off the names.",
    )


def test_states_of_neurons_are_left_out_and_that_is_said(tmp_path):
    sinabs = pytest.importorskip("sinabs.layers", reason="needs the extra 'sinabs'")

    def build():
        return nn.Sequential(nn.Linear(4, 3), sinabs.LIFSqueeze(tau_mem=10.0, batch_size=2))

    network = build()
    network(torch.rand(10, 4))
    torch.save(network.state_dict(), tmp_path / "w.pt")
    fresh = build()
    assert load_weights(fresh, tmp_path / "w.pt") == ("w.pt: neuron states (1.v_mem) are left out.",)
    assert torch.equal(fresh[0].weight, network[0].weight)


def refusal(path, network=None):
    with pytest.raises(ConfigError) as error:
        load_weights(network or tiny.plain(), path)
    (problem,) = error.value.problems
    return str(problem).replace(f"{path}: ", "")


SAVE = "Save them with torch.save(network.state_dict(), path)."
RULE = "expected a state dict, .safetensors or torch's own format."


def test_a_pickled_network_is_never_run(tmp_path):
    torch.save(trained(), tmp_path / "w.pt")
    told = refusal(tmp_path / "w.pt")
    assert told == (
        "got a whole pickled network (torch.nn.modules.container.Sequential), which only running its code"
        f" could read; {RULE} Where you trained it: torch.save(network.state_dict(), path)."
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            {"model": dict(STATE), "args": argparse.Namespace(a=1)},
            "got a file that holds argparse.Namespace beside",
        ),
        ({"epoch": 3}, "got keys epoch; expected names and tensors."),
        ({}, "got an empty mapping; expected names and tensors."),
        ([1, 2], "got a list; expected names and tensors."),
        ({"one": dict(STATE), "two": dict(STATE)}, "got several state dicts: one, two; expected one."),
        ({"model": dict(STATE), "net": dict(STATE)}, "got several state dicts: model, net; expected one."),
        (
            {**STATE, "0.weight": torch.zeros(3, 3)},
            "got weights of other shapes: 0.weight (3, 3) instead of (8, 12);",
        ),
        (
            {"0.weight": STATE["0.weight"]},
            "got weights without 0.bias, 2.weight, 2.bias; expected those of this",
        ),
        ({**STATE, "4.weight": torch.zeros(1)}, "got weights with 4.weight; expected those of this network."),
        (
            {**STATE, "0.bias": torch.full((8,), float("nan"))},
            "got nan or infinity in 0.bias; expected finite weights.",
        ),
        (
            {"some.w": torch.zeros(1), "other.w": torch.zeros(1)},
            "got weights without 0.weight, 0.bias, 2.weight and 1",
        ),
        (torch.zeros(3), "got a Tensor; expected names and tensors."),
    ],
)
def test_what_are_no_weights_of_the_network(tmp_path, content, told):
    torch.save(content, tmp_path / "w.pt")
    assert told in refusal(tmp_path / "w.pt")


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PK\x03\x04broken", b"\x80\x04."])
def test_damaged_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    told = refusal(tmp_path / name)
    assert told.startswith(("got an unreadable file (", "got a file that cannot be read safely ("))
    assert told.endswith(SAVE)


def test_a_file_that_is_not_there(tmp_path):
    assert refusal(tmp_path / "none.pt") == f"got no such file; {RULE} Check the path."


def test_compressed_weights_are_not_those_of_the_network(tmp_path):
    save_checkpoint(tmp_path / "c.safetensors", compress(trained(), recipes.quantize(4)), None, {})
    assert "got weights without 0.weight, 2.weight; with" in refusal(tmp_path / "c.safetensors")


def test_weights_that_unpack_to_more_than_the_file_are_refused(tmp_path):
    """Torch packs nothing of what it saves; a megabyte that somebody packed could be gigabytes."""
    plain, packed = tmp_path / "plain.pt", tmp_path / "packed.pt"
    torch.save(trained().state_dict() | {"large": torch.zeros(1 << 20)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            archive.writestr(name, source.read(name))
    assert "bytes packed into" in refusal(packed)
    assert "with large" in refusal(plain)
