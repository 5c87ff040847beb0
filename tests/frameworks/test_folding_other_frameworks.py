"""Batch norms of networks of other frameworks are folded, silenced and cut by what is seen when they run."""

import pytest
import torch
from torch import nn

from spareto.compression import compress, fold_batch_norm, plan_folding, stored_beside
from spareto.compression.parametrization import KeptChannels
from spareto.records import LayerFilter, PruneStep, Recipe
from spareto.testing.steps import state_bytes

pytestmark = pytest.mark.filterwarnings("ignore")  # what the libraries warn of when imported is theirs
T, B, C = 4, 3, 6


def settled(network):
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.05, 0.2)
            nn.init.uniform_(module.weight, 0.5, 2.0)
            nn.init.normal_(module.bias, std=0.3)
    return network.eval()


def frames():
    return (torch.rand(T, B, 2, 8, 8, generator=torch.Generator().manual_seed(2)) < 0.4).float()


class SnnTorch(nn.Module):
    """A loop over timesteps, membrane potentials handed on; norms defined crosswise."""

    def __init__(self):
        import snntorch as snn

        super().__init__()
        torch.manual_seed(0)
        self.norm2, self.norm1 = nn.BatchNorm2d(C), nn.BatchNorm2d(C)
        self.conv1, self.conv2 = nn.Conv2d(2, C, 3, padding=1, bias=False), nn.Conv2d(C, C, 3, padding=1)
        self.fire1, self.fire2 = snn.Leaky(beta=0.9), snn.Leaky(beta=torch.full((C, 8, 8), 0.8))
        self.out = nn.Linear(C * 16, 3)

    def forward(self, x):
        one, two, total = self.fire1.init_leaky(), self.fire2.init_leaky(), 0
        for now in x:
            spikes, one = self.fire1(self.norm1(self.conv1(now)), one)
            spikes, two = self.fire2(self.norm2(self.conv2(spikes)), two)
            total = total + self.out(nn.functional.max_pool2d(spikes, 2).flatten(1))
        return total


def snntorch_network():
    pytest.importorskip("snntorch", reason="snnTorch is not installed")
    return SnnTorch(), lambda network: network(frames()), {"norm1": "conv1", "norm2": "conv2"}


def spikingjelly(mode):
    pytest.importorskip("spikingjelly", reason="SpikingJelly is not installed")
    from spikingjelly.activation_based import functional, layer, neuron

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.norm2, self.norm1 = layer.BatchNorm2d(C), layer.BatchNorm2d(C)
            self.conv1 = layer.Conv2d(2, C, 3, padding=1, bias=False)
            self.conv2 = layer.Conv2d(C, C, 3, padding=1)
            self.fire1, self.fire2 = neuron.IFNode(), neuron.LIFNode(tau=2.0)
            self.pool, self.flat, self.out = layer.AvgPool2d(2), layer.Flatten(), layer.Linear(C * 16, 3)

        def forward(self, x):
            x = self.fire1(self.norm1(self.conv1(x)))
            x = self.fire2(self.pool(self.norm2(self.conv2(x))))
            return self.out(self.flat(x))

    network = Own()
    functional.set_step_mode(network, mode)

    def run(network):
        functional.reset_net(network)
        if mode == "m":
            return network(frames()).mean(0)
        return sum(network(now) for now in frames())

    return network, run, {"norm1": "conv1", "norm2": "conv2"}


def norse_network():
    norse = pytest.importorskip("norse.torch", reason="Norse is not installed")
    torch.manual_seed(0)
    network = norse.SequentialState(
        norse.Lift(nn.Sequential(nn.Conv2d(2, C, 3, padding=1), nn.BatchNorm2d(C))),
        norse.LIF(norse.LIFParameters(v_th=torch.tensor(0.1))),
        norse.Lift(nn.Conv2d(C, C, 3, padding=1)),
        norse.Lift(nn.BatchNorm2d(C)),
        norse.LIF(norse.LIFParameters(v_th=torch.tensor(0.1))),
        nn.Flatten(2),
        nn.Linear(C * 64, 3),
    )
    names = dict(network.named_modules())
    convs = [name for name, module in names.items() if isinstance(module, nn.Conv2d)]
    norms = [name for name, module in names.items() if isinstance(module, nn.BatchNorm2d)]
    return network, lambda network: network(frames())[0].mean(0), dict(zip(norms, convs, strict=True))


def sinabs_network():
    pytest.importorskip("sinabs", reason="sinabs is not installed")
    import sinabs
    import sinabs.layers as sl

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.norm2, self.norm1 = nn.BatchNorm2d(C), nn.BatchNorm2d(C)
            self.conv1, self.conv2 = nn.Conv2d(2, C, 3, padding=1), nn.Conv2d(C, C, 3, padding=1, bias=False)
            self.fire1, self.fire2 = sl.IAFSqueeze(num_timesteps=T), sl.IAFSqueeze(num_timesteps=T)
            self.pool, self.out = nn.AvgPool2d(2), nn.Linear(C * 16, 3)

        def forward(self, x):
            x = self.fire1(self.norm1(self.conv1(x)))
            return self.out(self.pool(self.fire2(self.norm2(self.conv2(x)))).flatten(1))

    def run(network):
        sinabs.reset_states(network)
        return network(frames().transpose(0, 1).flatten(0, 1)).unflatten(0, (-1, T)).mean(1)

    return Own(), run, {"norm1": "conv1", "norm2": "conv2"}


MAKERS = {
    "snntorch": snntorch_network,
    "spikingjelly, multi-step": lambda: spikingjelly("m"),
    "spikingjelly, single-step": lambda: spikingjelly("s"),
    "norse": norse_network,
    "sinabs": sinabs_network,
}


@pytest.fixture(params=MAKERS)
def theirs(request):
    network, run, pairs = MAKERS[request.param]()
    return settled(network), run, pairs


def answer(network, run):
    with torch.no_grad():
        return run(network.eval())


def test_every_norm_is_folded_and_the_answer_stays(theirs):
    network, run, pairs = theirs
    expected = answer(network, run)
    assert expected.any()
    before = state_bytes(network)
    assert plan_folding(network, run).folded == pairs
    folded = fold_batch_norm(network, run)
    assert state_bytes(network) == before
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    close = torch.isclose(answer(folded, run), expected, atol=1e-3, rtol=1e-3)
    assert close.double().mean() > 0.8, "spikes that lay at the threshold may move"


def test_without_a_run_nothing_is_guessed(theirs):
    network, _, pairs = theirs
    assert set(plan_folding(network).folded.items()) <= set(pairs.items())


def test_the_norm_that_reads_a_layer_is_silenced(theirs):
    network, run, pairs = theirs
    last = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    step = PruneStep(sparsity=0.5, pruner="channels", scope="per_layer")
    recipe = Recipe(steps=(step,), layers=LayerFilter(exclude=tuple(last)))
    compressed = compress(network, recipe, run=lambda net: run(net).square().sum()).eval()
    for norm, layer in pairs.items():
        weight = compressed.get_submodule(layer).weight
        gone = (weight == 0).flatten(1).all(1)
        module = compressed.get_submodule(norm)
        assert {part.decided_by for part in KeptChannels.of(module)} == {layer}
        assert torch.equal((module.weight == 0) & (module.bias == 0), gone)
        assert gone.sum() == C // 2


def test_what_is_stored_beside_is_counted(theirs):
    network, run, _ = theirs
    before = stored_beside(network)
    answer(network, run)
    assert stored_beside(network) == before
    parameters = sum(p.numel() for name, p in network.named_parameters())
    weights = sum(m.weight.numel() for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))
    statistics = sum(2 * m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    assert sum(part.values for part in before) >= parameters - weights + statistics
