"""Four frameworks and plain torch, five architectures, every way of running time: counts equal the twin's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.data import DataLoader, TensorDataset

from profiling import comparing, interop, nets, ways
from spareto import hardware, recipes
from spareto.compression import compress
from spareto.compression.copies import copy_of
from spareto.frameworks import reset_state
from spareto.hardware.network_metrics import metrics
from spareto.profiling import profile
from spareto.records import LayerFilter

STEPS, SAMPLES = 4, 16
ACCELERATORS = ("eyeriss_like", "loihi_like", "edge_gpu")

PACKAGES = {"snnTorch": "snntorch", "SpikingJelly": "spikingjelly", "Norse": "norse", "sinabs": "sinabs"}
CELLS = [
    pytest.param(way, architecture, id=f"{'/'.join(way)}/{architecture}")
    for way in interop.WAYS
    for architecture in interop.ARCHITECTURES
    if interop.cell(way, architecture) == interop.EXACT
]


def network(way, architecture, seed=0):
    if way[0] in PACKAGES:
        pytest.importorskip(PACKAGES[way[0]], reason=f"{way[0]} is not installed")
    torch.manual_seed(seed)
    return nets.ARCHITECTURES[architecture](ways.ways(STEPS)[way]())


def workload(net, spikes, **options):
    """The workload, with no more said than the network cannot say itself."""
    options["layout"] = "batch-first" if net.way.batch_first else "time-first"
    if net.way.outer or net.way.form == "B*T":
        options["vote"] = "sum"
    return profile(net, nets.given(net, spikes), np.zeros(spikes.shape[1], int), **options).workload


def recipe_for(net):
    """Four bits, half pruned; recurrent layers of sinabs take every buffer for a state and are left alone."""
    recurrent = any(name.endswith(".rec_connect") for name, _ in net.named_modules())
    layers = LayerFilter(exclude=("*.rec_connect",) if recurrent else ())
    return recipes.joint(4, 0.5).model_copy(update={"layers": layers})


def trained_a_step(net, spikes):
    """One step of gradient descent, as the framework would do it."""
    reset_state(net)
    net.train()
    tensor, outputs = torch.from_numpy(nets.given(net, spikes)), []
    if net.way.outer:
        outputs = [net(now) for now in tensor]
    else:
        outputs = [net(tensor.flatten(0, 1) if net.way.form == "B*T" else tensor)]
    answer = torch.stack(outputs).sum(0)
    answer = answer.unflatten(0, (spikes.shape[1], -1)).sum(1) if net.way.form == "B*T" else answer
    F.cross_entropy(answer, torch.arange(len(answer)) % nets.CLASSES).backward()
    net.last.clear()
    weights = [weight for name, weight in net.named_parameters() if name.startswith("layers")]
    assert all(weight.grad is not None for weight in weights)
    torch.optim.SGD(net.parameters(), lr=0.01).step()
    net.zero_grad()
    reset_state(net)
    return net.eval()


@pytest.mark.parametrize(("way", "architecture"), CELLS)
def test_counts_equal_the_twin_in_batches_of_any_size(way, architecture):
    net = network(way, architecture)
    spikes = nets.frames(net, SAMPLES, STEPS)
    sites, products = nets.written_down(net, spikes)
    found = workload(net, spikes, batch_size=SAMPLES)
    comparing.assert_equal(found, sites, products)
    assert any(site.outputs.mean() > 0 for site in sites if site.outputs is not None)
    for size in (1, 7):
        assert workload(net, spikes, batch_size=size) == found


@pytest.mark.parametrize(("way", "architecture"), CELLS)
def test_a_single_sample(way, architecture):
    net = network(way, architecture, seed=1)
    spikes = nets.frames(net, 1, STEPS, seed=1)
    comparing.assert_equal(workload(net, spikes), *nets.written_down(net, spikes))


@pytest.mark.parametrize(("way", "architecture"), CELLS)
def test_compressed_trained_and_costed(way, architecture):
    net = network(way, architecture, seed=2)
    spikes = nets.frames(net, 5, STEPS, seed=2)
    compressed = compress(net, recipe_for(net))
    compressed = trained_a_step(compressed, spikes)
    found = workload(compressed, spikes)
    comparing.assert_equal(found, *nets.written_down(compressed, spikes))
    layers = {layer.name: layer for layer in found.layers}
    assert {layers[name].weight_bits for name in layers if name.startswith("layers.")} == {4}
    assert sum(layer.live_weights for layer in found.layers) < sum(
        layer.weight_count for layer in found.layers
    )
    for name in ACCELERATORS:
        assert hardware.cost(found, hardware.load_accelerator(name)).energy_pj > 0


class BatchFirst(nn.Module):
    """NeuroBench hands over `(batch, time, ...)`."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, frames):
        reset_state(self.net)
        if self.net.way.form == "B*T":
            return self.net(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).sum(1)
        given = frames if self.net.way.batch_first else frames.transpose(0, 1)
        if self.net.way.outer:
            answer = torch.stack([self.net(now) for now in given]).sum(0)
            self.net.last.clear()
            return answer
        return self.net(given)


@pytest.mark.parametrize(("way", "architecture"), CELLS)
def test_effective_operations_equal_those_of_neurobench(way, architecture):
    net = network(way, architecture, seed=3)
    spikes = nets.frames(net, 6, STEPS, seed=3)
    found = workload(net, spikes)
    theirs = neurobench(net, spikes)
    ours = metrics(found, hardware.cost(found, hardware.load_accelerator("eyeriss_like")))
    acs, macs = ours.effective_acs * 6, ours.effective_macs * 6
    expected = interop.neurobench(way, architecture)
    if expected == interop.PAIRS:
        for product in found.products:
            spiking = product.operation != "multiply"
            acs -= product.effectual_mean * 6 * spiking
            macs -= product.effectual_mean * 6 * (not spiking)
    if expected == interop.WEIGHTS:
        bare = [layer for layer in found.layers if layer.name.startswith("neurons.")]
        assert len(bare) == 2
        for layer in bare:
            spiking = layer.input.kind == "spike"
            acs -= layer.effectual_synops_mean * 6 * spiking
            macs -= layer.effectual_synops_mean * 6 * (not spiking)
    assert round(acs + macs) == theirs[0] + theirs[1] > 0
    if expected != interop.SPLIT:
        assert round(macs) == theirs[1]


def neurobench(net, spikes):
    pytest.importorskip("neurobench", reason="NeuroBench is not installed")
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import TorchModel

    made = copy_of(net).eval()
    assert not any(parametrize.is_parametrized(module) for module in made.modules())
    model = TorchModel(BatchFirst(made))
    frames = torch.from_numpy(spikes).transpose(0, 1)
    loader = DataLoader(TensorDataset(frames, torch.zeros(len(frames))), batch_size=len(frames))
    with torch.no_grad():
        found = Benchmark(model, loader, [], [], [[], [SynapticOperations]]).run(quiet=True)
    operations = found["SynapticOperations"]
    return round(operations["Effective_ACs"] * len(frames)), round(operations["Effective_MACs"] * len(frames))


def test_the_table_of_the_documentation_says_what_is_tested_here():
    assert interop.main(["--check"]) == 0
    assert tuple(ways.ways(STEPS)) == interop.WAYS
    assert tuple(nets.ARCHITECTURES) == interop.ARCHITECTURES
