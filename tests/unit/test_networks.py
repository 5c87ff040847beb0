"""What each network of the zoo is built of, and what it refuses."""

import numpy as np
import pytest
import torch
from torch import nn

from spareto.core.errors import ConfigError, UnknownName
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.networks import build, names
from spareto.neurons.alif import ALIF
from spareto.neurons.iaf import IAF
from spareto.neurons.lif import LIF
from spareto.neurons.plif import PLIF
from spareto.neurons.quantized_state import QuantizedState
from spareto.neurons.recurrent import Recurrent
from spareto.profiling import profile
from spareto.training import evaluate

SPOKEN = {"sensor": (1, 1, 700), "classes": 20}


def weights(network):
    return [tuple(p.shape) for p in network.parameters() if p.dim() > 1]


def test_the_parametric_network_learns_one_time_constant_a_layer():
    network = build("plif", sensor=(2, 34, 34), classes=10, channels=(128, 128), hidden=(2048,))
    assert weights(network) == [(128, 2, 3, 3), (128, 128, 3, 3), (2048, 128 * 8 * 8), (100, 2048)]
    neurons = [module for module in network.modules() if isinstance(module, PLIF)]
    assert [neuron.tau for neuron in neurons] == [2.0] * 4
    frames = (torch.rand(3, 4, 2, 34, 34) < 0.3).float()
    (network.train()(frames) - 1).square().sum().backward()
    assert all(neuron.w.grad.abs() > 0 for neuron in neurons[:2])


def test_the_spiking_vgg_pools_by_averages_behind_each_stage():
    network = build("vgg_snn", sensor=(2, 48, 48), classes=10)
    convolutions = [(64, 2), (128, 64), (256, 128), (256, 256), (512, 256), *[(512, 512)] * 3]
    assert weights(network) == [*((*pair, 3, 3) for pair in convolutions), (100, 512 * 3 * 3)]
    assert sum(isinstance(module, nn.AvgPool2d) for module in network.modules()) == 4


def test_the_dense_network_of_spoken_digits():
    assert weights(build("dense", **SPOKEN, batch_norm=False)) == [(256, 700), (20, 256)]


def test_a_network_that_was_evaluated_first_can_be_trained():
    network, frames = (
        build("dense", sensor=(1, 1, 9), classes=2, hidden=(3,), tau=1.75),
        torch.rand(4, 3, 1, 1, 9),
    )
    with torch.inference_mode():
        network.eval()(frames)
    network.train()(frames).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_recurrence_feeds_hidden_spikes_back_but_not_the_read_out():
    network = build("dense", **SPOKEN, hidden=(30, 40), recurrent=True)
    assert weights(network) == [(30, 700), (30, 30), (40, 30), (40, 40), (20, 40)]
    assert sum(isinstance(module, Recurrent) for module in network.modules()) == 2


def test_recurrent_layers_are_counted_every_timestep():
    torch.manual_seed(0)
    network = build("dense", sensor=(1, 1, 40), classes=3, hidden=(8,), recurrent=True)
    frames = (np.random.default_rng(0).random((6, 5, 1, 1, 40)) < 0.4).astype(np.uint8)
    workload = profile(network, frames, np.zeros(5, np.int64)).workload
    layers = {layer.name: layer for layer in workload.layers}
    assert list(layers) == ["readout.0.linear", "readout.0.neuron.linear", "readout.1.linear"]
    assert {layer.timesteps for layer in workload.layers} == {6}
    fed, after = layers["readout.0.neuron.linear"].input, layers["readout.1.linear"].input
    assert fed.nonzero_per_timestep == (0.0, *after.nonzero_per_timestep[:-1])  # one timestep later
    assert layers["readout.0.linear"].neuron.count == 8  # its recurrent weights feed the same neurons
    assert "charged to 'readout.0.linear'" in layers["readout.0.neuron.linear"].note


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(
    ("options", "kind", "fields"),
    [
        ({"neuron": "iaf"}, IAF, {"gain": 1.0}),
        (
            {"neuron": {"name": "alif", "tau_adapt": 4, "reset": "subtract", "slope": 3.0}, "tau": 4.0},
            ALIF,
            {"beta": 0.75, "adapt_decay": 0.75, "reset": "subtract"},
        ),
        ({"neuron": {"name": "lif", "v_threshold": 0.5}, "surrogate": "triangle"}, LIF, {"v_threshold": 0.5}),
        ({"neuron": {"name": "quantized_state", "bits": 6, "tau": 4.0}}, QuantizedState, {"bits": 6}),
    ],
    ids=["if", "alif", "lif", "fixed point"],
)
def test_every_network_takes_every_neuron(name, options, kind, fields):
    network = build(name, sensor=(2, 32, 32), classes=2, **SMALL[name], **options)
    neurons = [part.neuron for part in network.modules() if isinstance(part, SpikingBlock | SpikingDense)]
    assert len(neurons) > 1
    assert all(type(neuron) is kind for neuron in neurons)
    assert {field: getattr(neurons[-1], field) for field in fields} == fields
    if "surrogate" in options:
        assert neurons[0].surrogate_name == "triangle"
    if kind is ALIF:
        assert neurons[0].surrogate.alpha == 3.0


SMALL = {
    "conv": {"channels": (2, 2)},
    "dense": {"hidden": (3,)},
    "plif": {"channels": (2,), "hidden": (3,)},
    "tcja": {"channels": (2,), "attention": (1,), "hidden": (3,), "timesteps": 3},
    "resnet19": {"channels": (2, 3), "blocks": (1, 1)},
    "vgg16": {"stages": ((2,),)},
    "vgg_snn": {"stages": ((2,),)},
}


def test_recurrent_layers_may_be_of_any_neuron():
    network = build("dense", **SPOKEN, recurrent=True, neuron="alif")
    assert isinstance(network.readout[0].neuron.neuron, ALIF)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"neuron": 3},
            "neuron: got 3; expected a neuron's name, or its name and options."
            " Write {name: alif, tau_adapt: 30}.",
        ),
        ({"tau": 3.0, "neuron": {"tau": 2}}, "tau: got 3.0; expected none beside neuron.tau. Give it once."),
        (
            {"neuron": "recurrent"},
            "neuron: got 'recurrent'; expected a neuron of one layer."
            " Network 'dense' feeds spikes back with recurrent: true.",
        ),
        (
            {"neuron": {"name": "lif", "resett": "zero"}},
            "neuron.resett: got an unknown option; expected one of tau, beta, decay, gain, v_leak,"
            " v_threshold, reset, v_reset, strict, detach_reset, surrogate, slope. Did you mean 'reset'?",
        ),
    ],
)
def test_neurons_nobody_can_build(options, said):
    with pytest.raises(ConfigError) as error:
        build("conv", sensor=(2, 8, 8), classes=2, channels=(2,), **options)
    assert str(error.value) == f"network 'conv'.{said}"


def test_an_unknown_neuron_is_named():
    with pytest.raises(UnknownName, match=r"neuron: got 'lfi'; expected one of alif, .* Did you mean 'lif'"):
        build("conv", sensor=(2, 8, 8), classes=2, neuron={"name": "lfi"})


@pytest.mark.parametrize(
    ("name", "options", "problems"),
    [
        (
            "plif",
            {"channels": (8,) * 5},
            ["channels: got 5 poolings of 2; expected few enough to leave one of 16 pixels. Use fewer."],
        ),
        (
            "plif",
            {"channels": (8, 0), "votes": 1.5},
            [
                "channels: got (8, 0); expected a list of integers from 1 to 65,536.",
                "votes: got 1.5; expected an integer from 1 to 65,536.",
            ],
        ),
        (
            "vgg_snn",
            {"stages": ((4,), ()), "dropout": "half"},
            [
                "stages: got ((4,), ()); expected a list of stages, each a list of integers of at least 1.",
                "dropout: got 'half'; expected a share from 0 to below 1.",
            ],
        ),
        (
            "vgg16",
            {"head": "averaged", "stages": ((8,),)},
            ["head: got 'averaged'; expected one of flat, average. Did you mean 'average'?"],
        ),
        (
            "resnet19",
            {"channels": (4, 8), "blocks": (1,)},
            ["blocks: got 1 numbers; expected one for each of the 2 stages, at least one."],
        ),
        ("dense", {"hidden": 8}, ["hidden: got 8; expected a list of integers from 1 to 65,536."]),
        (
            "dense",
            {"recurrent": "no", "batch_norm": 1},
            [
                "batch_norm: got 1; expected True or False.",
                "recurrent: got 'no'; expected True or False.",
            ],
        ),
    ],
)
def test_wrong_options_are_all_named(name, options, problems):
    with pytest.raises(ConfigError) as error:
        build(name, sensor=(2, 16, 40), classes=2, **options)
    assert str(error.value).splitlines() == [f"network '{name}'.{problem}" for problem in problems]


SENSOR_RULE = "expected polarities, height and width, integers of at least 1."
COUNT_RULE = "expected an integer from 1 to 65,536."
FRAMES = [
    ({"classes": 0}, [f"classes: got 0; {COUNT_RULE}"]),
    ({"classes": -1}, [f"classes: got -1; {COUNT_RULE}"]),
    ({"classes": True}, [f"classes: got True; {COUNT_RULE}"]),
    ({"classes": 2.0, "votes": 0}, [f"classes: got 2.0; {COUNT_RULE}", f"votes: got 0; {COUNT_RULE}"]),
    ({"sensor": (2, 34)}, [f"sensor: got (2, 34); {SENSOR_RULE}"]),
    ({"sensor": "234"}, [f"sensor: got '234'; {SENSOR_RULE}"]),
    ({"sensor": (0, 32, 32)}, [f"sensor: got (0, 32, 32); {SENSOR_RULE}"]),
    ({"sensor": (2, 32, 32.0)}, [f"sensor: got (2, 32, 32.0); {SENSOR_RULE}"]),
    ({"sensor": 32, "classes": None}, [f"sensor: got 32; {SENSOR_RULE}", f"classes: got None; {COUNT_RULE}"]),
]
MISSING = "got nothing; expected a value, for it has no default. Pass"


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(("options", "problems"), FRAMES, ids=str)
def test_what_no_network_can_be_built_for(name, options, problems):
    with pytest.raises(ConfigError) as error:
        build(name, **{"sensor": (2, 32, 32), "classes": 2, **options})
    assert str(error.value).splitlines() == [f"network '{name}'.{problem}" for problem in problems]


@pytest.mark.parametrize("name", names())
def test_what_every_network_must_be_told(name):
    with pytest.raises(ConfigError) as error:
        build(name)
    lines = [f"network '{name}'.{option}: {MISSING} {option}." for option in ("sensor", "classes")]
    assert str(error.value).splitlines() == lines
    with pytest.raises(ConfigError, match=r"\.surrogate: got 3; expected the name of a surrogate"):
        build(name, sensor=(2, 32, 32), classes=2, surrogate=3)


def test_a_network_knows_what_it_was_built_for():
    network = build("dense", sensor=[1, 1, 9], classes=4, hidden=())
    assert (network.sensor, network.classes) == ((1, 1, 9), 4)


def test_accuracy_on_frames_of_another_sensor_is_refused():
    network = build("conv", sensor=(2, 12, 12), classes=10, channels=(4,))
    frames, labels = np.zeros((3, 5, 2, 16, 16), np.uint8), np.zeros(5, np.int64)
    for measure in (evaluate, profile):
        with pytest.raises(ConfigError, match=r"network 'conv': got frames of shape \(3, \d, 2, 16, 16\)"):
            measure(network, frames, labels)
