"""Networks written in other frameworks are compressed, trained and stored as they are."""

import io
from copy import deepcopy
from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from spareto import recipes
from spareto.compression import bake, compress, compressed_weight, compression_report
from spareto.compression.layers import synaptic_layers
from spareto.compression.shrinking import shrink
from spareto.records import LayerFilter, PruneStep, QuantizeStep, Recipe
from spareto.testing.steps import state_bytes

T, BATCH, SIDE, CLASSES = 5, 24, 8, 3
RECIPE = recipes.joint(bits=4, sparsity=0.8)


class Loop(nn.Module):
    """A Python loop over timesteps around snnTorch's neurons, membrane potentials passed by hand."""

    def __init__(self, neuron):
        super().__init__()
        self.conv, self.fire1 = nn.Conv2d(2, 12, 3, padding=1), neuron(beta=0.8)
        self.hidden, self.fire2 = nn.Linear(12 * 16, 40), neuron(beta=0.8)
        self.out, self.fire3 = nn.Linear(40, CLASSES), neuron(beta=0.8)

    def forward(self, frames):
        mem1, mem2, mem3 = (fire.init_leaky() for fire in (self.fire1, self.fire2, self.fire3))
        potentials = []
        for frame in frames:
            spikes, mem1 = self.fire1(self.conv(frame), mem1)
            spikes, mem2 = self.fire2(self.hidden(F.max_pool2d(spikes, 2).flatten(1)), mem2)
            _, mem3 = self.fire3(self.out(spikes), mem3)
            potentials.append(mem3)
        return torch.stack(potentials).mean(0)


def snntorch_network():
    snn = pytest.importorskip("snntorch", reason="snnTorch is not installed")
    return Loop(snn.Leaky), lambda network, frames: network(frames)


def snntorch_sequential():
    """Neurons that keep their membrane potentials themselves, and a time loop around the network."""
    snn = pytest.importorskip("snntorch", reason="snnTorch is not installed")
    from snntorch import utils

    network = nn.Sequential(
        *(nn.Conv2d(2, 12, 3, padding=1), snn.Leaky(beta=torch.full((12, 8, 8), 0.8), init_hidden=True)),
        *(nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(12 * 16, 40), snn.Leaky(beta=torch.full((40,), 0.8), init_hidden=True)),
        nn.Linear(40, CLASSES),
    )

    def run(network, frames):
        utils.reset(network)
        return torch.stack([network(frame) for frame in frames]).mean(0)

    return network, run


def spikingjelly_network():
    """Multi-step mode: the library's own layers see all timesteps; state is reset by its function."""
    pytest.importorskip("spikingjelly", reason="SpikingJelly is not installed")
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    fire = partial(neuron.LIFNode, surrogate_function=surrogate.ATan(), v_threshold=0.5)
    network = nn.Sequential(
        layer.Conv2d(2, 12, 3, padding=1, bias=False),
        layer.BatchNorm2d(12),
        fire(),
        layer.MaxPool2d(2),
        layer.Flatten(),
        layer.Linear(12 * 16, 40),
        fire(),
        layer.Linear(40, CLASSES),
    )
    functional.set_step_mode(network, "m")

    def run(network, frames):
        functional.reset_net(network)
        return network(frames).mean(0)

    return network, run


def norse_network():
    """SequentialState, with stateless layers lifted over time."""
    norse = pytest.importorskip("norse.torch", reason="Norse is not installed")
    network = norse.SequentialState(
        norse.Lift(nn.Conv2d(2, 12, 3, padding=1)),
        norse.LIF(norse.LIFParameters(v_th=torch.tensor(0.1))),
        norse.Lift(nn.MaxPool2d(2)),
        nn.Flatten(2),
        nn.Linear(12 * 16, 40),
        norse.LIF(norse.LIFParameters(v_th=torch.tensor(0.1))),
        nn.Linear(40, CLASSES),
    )
    return network, lambda network, frames: network(frames)[0].mean(0)


def sinabs_network():
    """Squeeze layers: batch and time share the first axis."""
    sinabs = pytest.importorskip("sinabs", reason="sinabs is not installed")
    sl = pytest.importorskip("sinabs.layers")
    network = nn.Sequential(
        nn.Conv2d(2, 12, 3, padding=1, bias=False),
        sl.LIFSqueeze(tau_mem=10.0, num_timesteps=T, norm_input=False),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(12 * 16, 40, bias=False),
        sl.LIFSqueeze(tau_mem=10.0, num_timesteps=T, norm_input=False),
        nn.Linear(40, CLASSES, bias=False),
    )

    def run(network, frames):
        sinabs.reset_states(network)
        flat = frames.transpose(0, 1).flatten(0, 1)
        return network(flat).unflatten(0, (-1, T)).mean(1)

    return network, run


MAKERS = {
    "snntorch": snntorch_network,
    "snntorch, hidden": snntorch_sequential,
    "spikingjelly": spikingjelly_network,
    "norse": norse_network,
    "sinabs": sinabs_network,
}
pytestmark = pytest.mark.filterwarnings("ignore")  # what the libraries warn of when imported is theirs


@pytest.fixture(params=MAKERS)
def theirs(request):
    torch.manual_seed(0)
    network, run = MAKERS[request.param]()
    return SimpleNamespace(name=request.param, network=network, run=run)


def examples():
    """Three classes told apart by the columns that flicker; (time, batch, polarities, height, width)."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(BATCH) % CLASSES
    frames = (torch.rand(T, BATCH, 2, SIDE, SIDE, generator=generator) < 0.1).float()
    for sample, label in enumerate(labels.tolist()):
        columns = slice(2 * label, 2 * label + 3)
        frames[:, sample, :, :, columns] = (torch.rand(T, 2, SIDE, 3, generator=generator) < 0.7).float()
    return frames, labels


def trained(theirs, network, steps=30):
    frames, labels = examples()
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(theirs.run(network.train(), frames), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def masks(network):
    return {name: compressed_weight(layer).mask.clone() for name, layer in synaptic_layers(network).items()}


def outputs(theirs, network):
    with torch.no_grad():
        return theirs.run(network.eval(), examples()[0])


def check_compressed(network):
    report = compression_report(network)
    total = sum(torch.tensor(layer.shape).prod().item() for layer in report)
    zeros = sum(layer.sparsity * torch.tensor(layer.shape).prod().item() for layer in report)
    assert len(report) == 3
    assert all(layer.bits == 4 and layer.levels <= 15 for layer in report)
    assert zeros / total >= 0.8 - 1 / total


def test_compresses_and_trains(theirs):
    before = state_bytes(theirs.network)
    compressed = compress(theirs.network, RECIPE)
    assert type(compressed) is type(theirs.network)
    check_compressed(compressed)
    drawn = masks(compressed)
    losses = trained(theirs, compressed)
    assert min(losses[-5:]) < 0.8 * losses[0], losses
    check_compressed(compressed)
    for name, mask in masks(compressed).items():
        assert torch.equal(mask, drawn[name])
        layer = compressed.get_submodule(name)
        assert not layer.weight[mask == 0].any()
    assert state_bytes(theirs.network) == before


def test_a_network_that_has_just_run_can_be_compressed(theirs):
    """Membrane potentials of the last run are part of a graph, which deep copies refuse."""
    F.cross_entropy(theirs.run(theirs.network.train(), examples()[0]), examples()[1]).backward()
    check_compressed(compress(theirs.network, RECIPE))


def test_data_driven_pruning(theirs):
    frames, labels = examples()

    def loss(network):
        return F.cross_entropy(theirs.run(network, frames), labels)

    for pruner in ("snip", "activity"):
        step = PruneStep(sparsity=0.8, pruner=pruner, floor=0.05)
        recipe = Recipe(steps=(step, QuantizeStep(bits=4)))
        check_compressed(compress(theirs.network, recipe, run=loss))


def test_state_dicts_with_and_without_compression(theirs):
    """A plain checkpoint goes in before compression, a compressed one after."""
    trained(theirs, theirs.network, 2)
    torch.manual_seed(9)
    fresh = MAKERS[theirs.name]()[0]
    theirs.run(fresh, examples()[0])  # sinabs keeps its membrane potentials in the state dict
    fresh.load_state_dict(theirs.network.state_dict())
    first, second = compress(theirs.network, RECIPE), compress(fresh, RECIPE)
    assert torch.equal(outputs(theirs, first), outputs(theirs, second))
    trained(theirs, first, 2)
    second.load_state_dict(first.state_dict())
    assert torch.equal(outputs(theirs, first), outputs(theirs, second))


def test_copies_and_checkpoints(theirs):
    compressed = compress(theirs.network, RECIPE)
    trained(theirs, compressed, 2)
    expected = outputs(theirs, compressed)
    copy = deepcopy(compressed)
    assert torch.equal(outputs(theirs, copy), expected)
    file = io.BytesIO()
    torch.save({"network": compressed.state_dict(), "epoch": 2}, file)
    file.seek(0)
    other = compress(theirs.network, RECIPE)
    theirs.run(other, examples()[0])
    other.load_state_dict(torch.load(file, weights_only=True)["network"])
    assert torch.equal(outputs(theirs, other), expected)


def test_whole_networks_are_pickled(theirs):
    if theirs.name == "norse" or theirs.name.startswith("snntorch"):
        pytest.skip("its own neurons cannot be pickled")
    compressed = compress(theirs.network, RECIPE)
    trained(theirs, compressed, 2)
    expected = outputs(theirs, compressed)
    file = io.BytesIO()
    torch.save(compressed, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert torch.equal(outputs(theirs, loaded), expected)
    check_compressed(loaded)
    trained(theirs, loaded, 1)
    bake(loaded)
    check_compressed(compressed)


def test_baking_leaves_the_same_network_with_plain_weights(theirs):
    compressed = compress(theirs.network, RECIPE)
    trained(theirs, compressed, 2)
    expected = outputs(theirs, compressed)
    weights = {name: layer.weight.clone() for name, layer in synaptic_layers(compressed).items()}
    bake(compressed)
    assert torch.equal(outputs(theirs, compressed), expected)
    plain = dict(compressed.named_parameters())
    assert plain.keys() == dict(theirs.network.named_parameters()).keys()
    assert all(torch.equal(plain[f"{name}.weight"], weight) for name, weight in weights.items())


def test_pruned_channels_are_cut_out(theirs):
    frames = examples()[0]
    if theirs.name == "sinabs":
        frames = frames.transpose(0, 1).flatten(0, 1)
    elif theirs.name == "snntorch, hidden":
        frames = frames[0]
    prune = PruneStep(sparsity=0.4, pruner="channels", scope="per_layer")
    recipe = Recipe(steps=(prune, QuantizeStep(bits=4)), layers=LayerFilter(last=False))
    compressed = compress(theirs.network, recipe)
    trained(theirs, compressed, 3)
    expected = outputs(theirs, compressed)
    fresh = MAKERS[theirs.name]()[0]  # without membrane potentials of an earlier run
    fresh = compress(fresh, recipe)
    if theirs.name == "sinabs":
        theirs.run(fresh, examples()[0])
    fresh.load_state_dict(compressed.state_dict())
    small = shrink(fresh, frames)
    torch.testing.assert_close(outputs(theirs, small), expected, atol=1e-5, rtol=1e-5)
    shapes = [layer.shape for layer in compression_report(small)]
    assert shapes == [(7, 2, 3, 3), (24, 7 * 16), (CLASSES, 24)]
    trained(theirs, small, 1)


def test_snntorch_resets_compressed_copies_too():
    """It resets what stands in a list of its class, in which plain deep copies are missing."""
    network, run = snntorch_sequential()
    neurons = type(network[1]).instances
    compressed = compress(network, RECIPE)
    run(compressed, examples()[0])
    assert any(neuron is compressed[1] for neuron in neurons)
    before = len(neurons)
    plan = Recipe(steps=(PruneStep(sparsity=0.5, pruner="snip"),))
    compress(network, plan, run=lambda net: run(net, examples()[0]).sum())
    assert len(neurons) == before + 2, "only the neurons of the compressed network are new"


def test_weights_are_quantized_once_a_forward(theirs):
    """Also where the network's own loop calls a layer at every timestep."""
    compressed = compress(theirs.network, RECIPE).train()
    calls = []
    for layer in synaptic_layers(compressed).values():
        compressed_weight(layer).quantizer.register_forward_hook(lambda *_: calls.append(1))
    loss = theirs.run(compressed, examples()[0]).sum()
    loop_outside = theirs.name == "snntorch, hidden"
    assert len(calls) == 3 * (T if loop_outside else 1)
    loss.backward()
    calls.clear()
    with parametrize.cached():
        theirs.run(compressed, examples()[0])
    assert len(calls) == 3


def test_export(theirs):
    compressed = compress(theirs.network, RECIPE).eval()
    frames = examples()[0]
    if theirs.name == "sinabs":
        frames = frames.transpose(0, 1).flatten(0, 1)
    elif theirs.name == "snntorch, hidden":
        frames = frames[0]
    with torch.no_grad():
        expected = deepcopy(compressed)(frames)
        exported = torch.export.export(deepcopy(compressed), (frames,), strict=False).module()(frames)
    if theirs.name == "norse":  # with the neurons' state
        expected, exported = expected[0], exported[0]
    torch.testing.assert_close(exported, expected)
