"""Residual connections, before the neurons and after them, are what plain torch makes of them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spareto import kernels
from spareto.core.errors import ConfigError
from spareto.kernels import spikes
from spareto.kernels.gates import gate
from spareto.kernels.spikes import Spikes
from spareto.layers.over_time import OverTime
from spareto.layers.residual import CONNECTIONS, Residual
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry as neurons
from spareto.testing import layers as laws

pytestmark = pytest.mark.skipif(kernels.backend() != "c", reason="the C kernels do not run here")
QUICK = settings(max_examples=40, deadline=None, derandomize=True)
NEURONS = {"lif": {}, "plif": {}, "alif": {}, "lif delayed": {"reset": "subtract_delayed"}}
POOLS = {"none": None, "max": nn.MaxPool2d(2), "average": nn.AvgPool2d(2), "overlapping": nn.MaxPool2d(3, 1)}
GATES = {"and": lambda a, x: a * x, "iand": lambda a, x: (1 - a) * x}


@pytest.fixture(autouse=True)
def recompute_even_small_sums(monkeypatch):
    monkeypatch.setattr("spareto.kernels.fused.SMALL", 0)


def events(*shape, density=0.3, seed=0):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < density).float()


def convolution(inputs, outputs, kernel=3, stride=1, bias=False):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)
    nn.init.normal_(conv.weight, 0.05, 2.0 / (inputs * kernel * kernel) ** 0.5)
    return conv


def block(inputs=3, outputs=5, *, stride=1, norm=True, neuron="lif", pool="none"):
    made = neurons.make(neuron.split()[0], **NEURONS[neuron])
    norms = nn.BatchNorm2d(outputs) if norm else None
    return SpikingBlock(convolution(inputs, outputs, 3, stride, not norm), norms, made, POOLS[pool])


class Membrane(nn.Module):
    """A block whose neurons also get what goes another way."""

    def __init__(self, block, way):
        super().__init__()
        self.block, self.way = block, way

    def forward(self, sequence):
        return self.block(sequence, self.way(sequence))


def ways(inputs, outputs, stride):
    real = OverTime(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
    return {"real values": real, "spikes": block(inputs, outputs, stride=stride)}


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("norm", [True, False], ids=["batch norm", "bias"])
@pytest.mark.parametrize("way", ["real values", "spikes"])
@pytest.mark.parametrize("name", NEURONS)
def test_a_block_with_a_membrane_shortcut_is_its_reference(name, way, norm, training):
    checked = 0
    for case in range(5):
        torch.manual_seed(case)
        stride, pool = 1 + case % 2, list(POOLS)[case % 4]
        time, density = (1, 4)[case % 2], (0.3, 0.7)[case == 3]
        layer = block(6, 18, stride=stride, norm=norm, neuron=name, pool=pool)
        network = nn.Sequential(block(2, 6), Membrane(layer, ways(6, 18, stride)[way]), block(18, 3))
        sequence = events(time, 2, 2, 9, 11, density=density, seed=case)
        network.train()(sequence)
        network.train(training)
        if laws.decided_by_rounding(network, sequence):
            continue
        laws.check_fused(network, sequence, recompute=case % 3 == 1)
        checked += 1
    assert checked > 1


def test_a_membrane_shortcut_leaves_the_sums_event_driven():
    torch.manual_seed(0)
    network = nn.Sequential(block(2, 6), Membrane(block(6, 6), nn.Identity()), block(6, 4))
    sequence = events(4, 2, 2, 9, 11)
    laws.check_fused(network, sequence)
    laws.check_repeatable(network, sequence)
    laws.check_time_batch_axes(network, sequence)
    assert [layer.decision.way for layer in (network[0], network[1].block, network[2])] == ["events"] * 3


def test_a_shortcut_gets_the_gradient_of_the_currents_it_is_added_to():
    """Even where the block's own weights are zero: that is what residual connections are for."""
    layer, sequence = block(2, 3, norm=False), events(3, 2, 2, 5, 4)
    nn.init.zeros_(layer.conv.weight), nn.init.zeros_(layer.conv.bias)
    shortcut = torch.randn(3, 2, 3, 5, 4, requires_grad=True)
    layer(sequence, shortcut).dense().sum().backward()
    alone = shortcut.detach().clone().requires_grad_()
    layer.neuron(alone).sum().backward()
    torch.testing.assert_close(shortcut.grad, alone.grad)


@pytest.mark.parametrize("shape", [(3, 2, 3, 5, 4), (3, 2, 4, 5, 5), (3, 2, 1, 1, 1), (4,)])
def test_a_shortcut_of_another_shape_is_refused(shape):
    layer, sequence = block(2, 4), events(3, 2, 2, 5, 4)
    expected = r"got one of shape .*; expected shape \(3, 2, 4, 5, 4\)"
    with pytest.raises(ConfigError, match=expected):
        layer(sequence, torch.zeros(shape))
    with kernels.reference(), pytest.raises(ConfigError, match=expected):
        layer(sequence, torch.zeros(shape))


def test_a_float64_shortcut_takes_the_reference():
    layer, sequence = block(2, 4), events(3, 2, 2, 5, 4)
    layer(sequence, torch.zeros(3, 2, 4, 5, 4, dtype=torch.float64))
    assert layer.decision.why == "its shortcut is torch.float64 on cpu"


@pytest.mark.parametrize(
    ("connect", "table"), [("add", [0, 1, 1, 2]), ("and", [0, 0, 0, 1]), ("iand", [0, 1, 0, 0])]
)
def test_the_truth_table_of_each_connection(connect, table):
    a, x = torch.tensor([0.0, 0, 1, 1]).view(1, 1, 4), torch.tensor([0.0, 1, 0, 1]).view(1, 1, 4)
    expected = torch.tensor(table).float().view(1, 1, 4)
    assert torch.equal(CONNECTIONS[connect](a, x), expected)
    connected = CONNECTIONS[connect](spikes.pack(a), spikes.pack(x))
    assert isinstance(connected, Spikes) == (connect != "add")
    assert torch.equal(kernels.dense(connected), expected)


@given(
    *(st.integers(1, 3), st.integers(1, 2), st.integers(1, 140), st.sampled_from([(), (1, 1), (3, 5)])),
    *(st.sampled_from(list(GATES)), st.sampled_from([0.0, 0.3, 1.0])),
)
@QUICK
def test_gates_of_bits_have_the_spikes_and_gradients_of_dense_products(
    time, batch, channels, spatial, connect, density
):
    dense = [events(time, batch, channels, *spatial, density=d, seed=s) for d, s in ((density, 1), (0.5, 2))]
    packed = [carried(values) for values in dense]
    a, x = (values.requires_grad_() for values in dense)
    gated = gate(*packed, inverted=connect == "iand")
    expected = GATES[connect](a, x)
    assert torch.equal(gated.dense(), expected)
    assert gated.events == int(expected.sum())  # padded channels stay silent
    g = torch.randn(expected.shape, generator=torch.Generator().manual_seed(3))
    gated.dense().backward(g)
    expected.backward(g)
    for one, values in zip(packed, (a, x), strict=True):
        grad = one.carrier.grad.movedim(-1, 1).unflatten(0, (time, batch))
        assert torch.equal(grad, values.grad)


def carried(values):
    """Spikes whose carrier keeps its gradient."""
    packed = spikes.pack(values)
    return Spikes(
        *(packed.bits, torch.zeros(packed.carrier.shape, requires_grad=True)),
        *(packed.time, packed.batch, packed.channels, packed.spatial),
    )


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("connect", CONNECTIONS)
def test_a_residual_network_is_its_reference(connect, name, training):
    checked = 0
    for seed in range(4):
        torch.manual_seed(seed)
        body = nn.Sequential(block(6, 6, neuron=name), block(6, 6, neuron=name))
        down = block(6, 9, stride=2, neuron=name)
        network = nn.Sequential(
            block(2, 6, neuron=name),
            Residual(body, connect=connect),
            Residual(down, block(6, 9, stride=2), connect=connect),
            block(9, 4, pool="average"),
        )
        sequence = events((1, 5)[seed % 2], 2, 2, 9, 11, seed=seed)
        network.train()(sequence)
        network.train(training)
        if laws.decided_by_rounding(network, sequence):
            continue
        laws.check_fused(network, sequence, recompute=bool(seed & 2))
        checked += 1
    assert checked > 1


@pytest.mark.parametrize(("connect", "way"), [("add", "dense"), ("and", "events"), ("iand", "events")])
def test_gates_leave_the_next_layer_event_driven(connect, way):
    torch.manual_seed(0)
    features = Residual(SpikingDense(nn.Linear(20, 20), neurons.make("lif")), connect=connect)
    network = nn.Sequential(block(2, 6), Residual(block(6, 6), connect=connect), block(6, 5))
    network(events(4, 2, 2, 9, 11))
    assert network[2].decision.way == way
    last = SpikingDense(nn.Linear(20, 7), neurons.make("lif"))
    stack = nn.Sequential(SpikingDense(nn.Linear(9, 20), neurons.make("lif")), features, last)
    laws.check_fused(stack, events(4, 3, 9))
    stack(events(4, 3, 9))
    assert last.decision.way == way


def test_a_silent_body_passes_its_input_on():
    silent = block(2, 2, norm=False)
    nn.init.zeros_(silent.conv.weight), nn.init.zeros_(silent.conv.bias)
    sequence = events(3, 2, 2, 5, 4)
    for connect, expected in (("add", sequence), ("iand", sequence), ("and", torch.zeros_like(sequence))):
        assert torch.equal(kernels.dense(Residual(silent, connect=connect)(sequence)), expected)


def test_a_residual_says_what_does_not_fit():
    with pytest.raises(ConfigError, match=r"got 'iant'; expected one of add, and, iand. Did you mean 'iand'"):
        Residual(block(2, 2), connect="iant")
    with pytest.raises(
        ConfigError, match=r"ends in shape \(3, 2, 4, 5, 4\) and a shortcut in \(3, 2, 2, 5, 4\)"
    ):
        Residual(block(2, 4))(events(3, 2, 2, 5, 4))
