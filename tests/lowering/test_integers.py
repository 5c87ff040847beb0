"""What integers are: rounding, one neuron step, bounds that hold, and a lowering that loses nothing."""

import numpy as np
import pytest
import torch
from torch import nn

import spareto
from lowering.random_networks import CLASSES, lowerable
from spareto.compression import compress
from spareto.core.errors import ConfigError
from spareto.integer import IntegerLayer, Reference, bounds, rounded
from spareto.integer.reference import sums
from spareto.kernels import dense
from spareto.layers.spiking_dense import SpikingDense
from spareto.lowering import IntegerModule, deviations, explained, lower
from spareto.neurons import registry
from spareto.neurons.quantized_state import QuantizedState
from spareto.records import Recipe


@pytest.mark.parametrize("shift", [0, 1, 2, 7])
def test_rounding_is_that_of_python_and_torch(shift):
    values = np.arange(-1000, 1000)
    expected = [round(value / 2**shift) for value in values.tolist()]
    assert rounded(values, shift).tolist() == expected
    assert torch.equal(rounded(torch.from_numpy(values), shift), torch.tensor(expected))


def dyadic(neuron, seed=0):
    """A dense layer whose weights are whole 32nds, so that floats are exact, too."""
    torch.manual_seed(seed)
    hidden = nn.Linear(20, 30, bias=False)
    hidden.weight.data = torch.randint(-15, 16, (30, 20)) / 32.0
    return nn.Sequential(SpikingDense(hidden, neuron))


@pytest.mark.parametrize("reset", ["zero", "subtract", "subtract_delayed", "zero_delayed", "none"])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", ["lif", "alif", "synaptic", "iaf"])
def test_what_training_rounds_as_well_loses_nothing(name, reset, strict):
    """Membranes, decays and weights of few binary digits: spikes are the float network's, to the bit."""
    options = {} if name == "iaf" else {"beta": 0.75, "gain": 0.5}
    options |= {"alif": {"adapt_decay": 0.875, "adapt_scale": 0.25}, "synaptic": {"alpha": 0.5}}.get(name, {})
    neuron = registry.make(name, reset=reset, strict=strict, **options)
    network = dyadic(QuantizedState(neuron, bits=8, v_max=4.0))
    lowered = lower(network, sensor=(20, 1, 1), classes=30).network
    frames = (torch.rand(12, 4, 20, 1, 1) < 0.3).float()
    spikes = dense(network(frames))
    ours = IntegerModule(lowered).outputs(frames)[-1]
    assert spikes.sum() > 0
    assert torch.equal(ours.flatten(2), spikes.to(torch.int64))


@pytest.mark.parametrize("seed", range(0, 40, 3))
def test_no_number_leaves_its_bounds(seed):
    network, sensor, frames, most = lowerable(seed)
    lowered = lower(network, sensor=sensor, classes=CLASSES, input_most=most).network
    found = bounds(lowered)
    outputs = Reference(lowered).run(frames.numpy())
    for node, bound, output in zip(lowered.nodes, found, outputs, strict=True):
        assert output.min() >= 0
        assert output.max() <= bound.output
        if isinstance(node, IntegerLayer):
            x = frames.numpy() if node.source < 0 else outputs[node.source]
            total = sums(node.synapses, x).transpose(0, 1, 3, 4, 2)
            assert (total >= bound.low).all()
            assert (total <= bound.high).all()


def test_bounds_of_sums_are_reached():
    network = dyadic(registry.make("lif"))
    lowered = lower(network, sensor=(20, 1, 1), classes=30)
    layer, bound = lowered.network.nodes[0], lowered.bounds[0]
    rows = layer.synapses.weights.reshape(30, 20)
    worst = np.stack([rows > 0, rows < 0]).reshape(1, 60, 20, 1, 1).astype(np.int64)
    reached = sums(layer.synapses, worst)[0, :, :, 0, 0].reshape(2, 30, 30)
    assert (np.diagonal(reached[0]) == bound.high).all()
    assert (np.diagonal(reached[1]) == bound.low).all()


def test_every_layer_is_explained_and_close_to_its_float_twin():
    network = spareto.networks.registry.make("conv", sensor=(2, 12, 12), classes=3)
    small = compress(network, spareto.recipes.quantize(bits=4)).eval()
    lowered = lower(small)
    rows = explained(lowered)
    assert [row.name for row in rows] == ["features.0.conv", "features.1.conv", "readout.0.linear"]
    assert all(row.exact and row.saturates is None and row.worst < 1e-3 for row in rows)
    assert all(row.neuron_bits <= 32 and row.state_bits == 16 for row in rows)
    found = deviations(lowered, small, (torch.rand(6, 16, 2, 12, 12) < 0.3).to(torch.int64))
    assert max(found.spikes.values()) < 0.01
    assert found.samples == 16


def test_floats_are_refused_with_a_cure():
    network = spareto.networks.registry.make("conv", sensor=(2, 8, 8), classes=3)
    with pytest.raises(ConfigError, match=r"layer 'features.0.conv': got .*Compress it"):
        lower(network)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"state_bits": 8}, "16 or 32"),
        ({"input_most": 300}, "1 to 255"),
        ({"input_step": 0.0}, "above 0"),
        ({}, "Pass sensor="),
    ],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        lower(dyadic(registry.make("lif")), **options)


def test_a_lowered_network_exports_and_is_left_as_it_was():
    network, sensor, frames, most = lowerable(3)
    before = {
        name: value.clone() for name, value in network.state_dict().items() if value.is_floating_point()
    }
    module = IntegerModule(lower(network, sensor=sensor, classes=CLASSES, input_most=most).network)
    exported = torch.export.export(module, (frames,)).module()
    assert torch.equal(exported(frames), module(frames))
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())


def test_saturating_states_are_said():
    recipe = Recipe.parse({"steps": [{"kind": "quantize", "bits": 8}]}, "recipe")
    network = spareto.networks.registry.make("conv", sensor=(2, 8, 8), classes=3, neuron={"name": "iaf"})
    rows = explained(lower(compress(network, recipe).eval(), state_bits=16))
    assert all(row.saturates is not None and row.saturates >= 16 for row in rows)
