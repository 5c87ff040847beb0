"""Synaptic operations and sparsities equal NeuroBench's, on the same network and the same frames."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.data import DataLoader, TensorDataset

from spareto import hardware, recipes
from spareto.compression import compress
from spareto.hardware.network_metrics import metrics
from spareto.networks.conv import ConvNetwork
from spareto.neurons import SpikingNeuron
from spareto.profiling import profile

pytest.importorskip("neurobench", reason="NeuroBench is not installed")
from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity
from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
from neurobench.models import TorchModel

T, SAMPLES, SENSOR, CLASSES = 4, 6, (2, 12, 12), 3


class BatchFirst(nn.Module):
    """NeuroBench hands over `(batch, time, ...)`."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, frames):
        return self.network(frames.transpose(0, 1))


def network(recipe):
    torch.manual_seed(0)
    made = ConvNetwork(SENSOR, CLASSES, channels=(4, 6), hidden=(20,), votes=2)
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.bias += 1.5  # an untrained network would hardly fire
    return compress(made, recipe).eval()


def plain(compressed):
    """The network without parametrizations: NeuroBench sets weights, which a parametrized layer computes."""
    for module in list(compressed.modules()):
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    return compressed


def frames(most):
    rng = np.random.default_rng(0)
    shape = (T, SAMPLES, *SENSOR)
    return (rng.integers(1, most + 1, shape) * (rng.random(shape) < 0.2)).astype(np.uint8)


def neurobench(made, inputs, batch_size):
    model = TorchModel(BatchFirst(made))
    model.add_activation_module(SpikingNeuron)
    batches = torch.from_numpy(inputs).float().transpose(0, 1)
    loader = DataLoader(TensorDataset(batches, torch.zeros(SAMPLES)), batch_size=batch_size)
    found = [[ConnectionSparsity], [ActivationSparsity, SynapticOperations]]
    return Benchmark(model, loader, [], [], found).run(quiet=True)


def total(mean):
    """Operations of all samples, an integer that both divide by the number of samples."""
    return round(mean * SAMPLES)


RECIPES = {"dense": recipes.dense(), "pruned": recipes.prune(0.7), "joint": recipes.joint(3, 0.5)}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("most", [1, 3], ids=["binary frames", "counts of events"])
def test_metrics_equal_those_of_neurobench(recipe, most):
    made, inputs = network(RECIPES[recipe]), frames(most)
    workload = profile(made, inputs, np.zeros(SAMPLES, np.int64)).workload
    ours = metrics(workload, hardware.cost(workload, hardware.load_accelerator("eyeriss_like")))
    theirs = neurobench(plain(made), inputs, batch_size=SAMPLES)
    operations = {name: float(mean) for name, mean in theirs["SynapticOperations"].items()}
    assert all(0 < layer.output.nonzero_mean < layer.output.size * T for layer in workload.layers)
    assert total(ours.effective_acs) == total(operations["Effective_ACs"])
    assert total(ours.effective_macs) == total(operations["Effective_MACs"])
    assert total(ours.dense_synops) == total(operations["Dense"])
    assert (ours.effective_macs > 0) == (most > 1)
    assert round(ours.connection_sparsity, 4) == theirs["ConnectionSparsity"]
    assert ours.activation_sparsity == pytest.approx(theirs["ActivationSparsity"], abs=1e-12)
