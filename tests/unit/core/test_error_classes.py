"""One golden message of every error class; elsewhere tests hold place and kind."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import spareto
import tiny
import workloads
from spareto import recipes
from spareto.core.errors import InputError, SparetoError
from spareto.core.memory import of_machine, require
from spareto.fpga.tools import HOW
from spareto.fpga.tools import require as tool
from spareto.records import TrainingPlan


class Solves(nn.Module):
    """Runs a product that nobody knows how to count."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(4))

    def forward(self, frames):
        return torch.linalg.solve(self.weight, frames.mean(0).T).T


def too_large():
    network = workloads.network(workloads.layer("fc", channels=(4096, 4096), size=1, kernel=1))
    spareto.cost(network, spareto.load_accelerator("microcontroller"), weight_format="none")


def no_tool():
    HOW["no-such-tool"] = "Install no-such-tool"
    try:
        tool("no-such-tool")
    finally:
        del HOW["no-such-tool"]


def frames_of_another_sensor():
    network = spareto.networks.registry.make("dense", sensor=(1, 1, 8), classes=2)
    network(torch.zeros(4, 3, 2))


def uncountable():
    frames, how = torch.rand(3, 5, 4), {"layout": "time-first", "time": "time-batch"}
    spareto.profile(Solves(), frames, np.zeros(5, np.int64), **how)


def nan():
    spareto.train(tiny.Broken(), tiny.frame_data(), TrainingPlan(epochs=1, learning_rate=0.02))


GOLDEN = {
    "CapacityError": (
        too_large,
        "microcontroller.flash: got 134217728 bits of weights; expected at most 8388608 (over by 125829120). "
        "Use a smaller network, narrower weights or another format.",
    ),
    "ConfigError": (
        lambda: recipes.quantize(bits=0),
        "QuantizeStep.bits: got 0; expected an integer from 1 to 16. Use quantizer 'sign' for binary "
        "weights.",
    ),
    "DataError": (
        lambda: spareto.load_frames("nmnist", timesteps=4, root="nowhere"),
        "nowhere/N-MNIST/Train: got no such file or folder; expected a folder of ten folders 0 to 9 with "
        ".bin files. Get it from https://www.garrickorchard.com/datasets/n-mnist and unpack Train and Test "
        "in a folder N-MNIST, and set SPARETO_DATA (or the data option 'root') to the folder of N-MNIST.",
    ),
    "InputError": (
        lambda: spareto.front([(0.9,), (0.8, 2.0)]),
        "points[0]: got (0.9,); expected 2 finite numbers.",
    ),
    "MissingDependency": (
        no_tool,
        "no-such-tool: got nothing; expected a program on the path. Install no-such-tool.",
    ),
    "OutOfMemory": (
        lambda: require(1 << 60, "network 'dense'.hidden", "a layer", "Use fewer."),
        "network 'dense'.hidden: got a layer, 1073741824 GiB; expected one that fits into the "
        f"{(of_machine() or 0) >> 30} GiB that there are. Use fewer.",
    ),
    "ShapeError": (
        frames_of_another_sensor,
        "network 'dense': got frames of shape (4, 3, 2); expected (time, batch, 1, 1, 8), its sensor's, of "
        "at least one timestep. Build the network with the sensor of its data.",
    ),
    "StoreError": (
        lambda: spareto.load_network("none.safetensors"),
        "none.safetensors: got no such file; expected a stored network. Check the path.",
    ),
    "TrainingError": (
        nan,
        "training, epoch 1, step 1: got a loss of nan; expected a finite number. "
        "Lower training.learning_rate (now 0.02).",
    ),
    "UnknownName": (
        lambda: spareto.pruners.registry.get("magnitud"),
        "pruner: got 'magnitud'; expected one of activity, bernoulli, channels, magnitude, movement, n_of_m, "
        "random, reconstruction, sensitivity, snip, splicing. Did you mean 'magnitude'?",
    ),
    "UnsupportedLayer": (
        uncountable,
        f"network: got the network, {Path(__file__).name}:29: aten::_linalg_solve_ex; expected a product "
        "that the profiler can count. It would be costed as nothing. Write it with dense layers, "
        "convolutions or matmul.",
    ),
}


def kinds(kind):
    return {kind, *(each for child in kind.__subclasses__() for each in kinds(child))}


def test_every_public_error_class_has_one():
    named = {kind.__name__ for kind in kinds(SparetoError) if kind.__module__ == SparetoError.__module__}
    assert named - {"SparetoError"} == set(GOLDEN)
    assert all(issubclass(getattr(spareto, name), SparetoError) for name in named)


@pytest.mark.parametrize("name", GOLDEN)
def test_its_message_says_place_value_rule_and_cure(name, tmp_path, monkeypatch):
    provoke, message = GOLDEN[name]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SparetoError) as caught:
        provoke()
    assert type(caught.value).__name__ == name
    assert str(caught.value) == message
    if isinstance(caught.value, InputError):
        assert [str(problem) for problem in caught.value.problems] == [message]
