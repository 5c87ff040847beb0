"""Every neuron of every framework, in five architectures: not one spike of a hundred inputs differs.

Potentials are equal to a millionth."""

import pytest
import torch

from converting import interop, neurons
from converting.states import farthest, ours_of, potentials_of_theirs
from profiling import nets, ways
from spareto.converting import convert
from spareto.converting.comparing import spikes_of
from spareto.frameworks import reset_state

STEPS, INPUTS = 7, 100
CASES = [
    pytest.param(framework, code, architecture, id=f"{framework}/{code}/{architecture}")
    for framework in neurons.FRAMEWORKS
    for code in neurons.rows(framework)
    for architecture in interop.ARCHITECTURES
]
LOOPS = [
    pytest.param(way, architecture, id=f"{'/'.join(way)}/{architecture}")
    for way in ways.ways(STEPS)
    if way[0] != "torch" and way != ("snnTorch", "all timesteps")
    for architecture in interop.ARCHITECTURES
]


def spikes(net, samples, seed):
    """Frames `(time, samples, ...)` as the converted network takes them."""
    return torch.from_numpy(nets.frames(net, samples, STEPS, seed=seed, density=0.4))


def theirs_of(net, frames):
    """Spikes and potentials of each layer of neurons, run as its own framework runs it."""
    reset_state(net)
    given = frames.transpose(0, 1) if net.way.batch_first else frames
    modules = {f"neurons.{name}": module for name, module in net.neurons.items()}
    tensors = list(given) if net.way.outer else [given.flatten(0, 1) if net.way.form == "B*T" else given]
    found = {}

    def run():
        calls = lambda: [net(tensor) for tensor in tensors]  # noqa: E731
        found.update(spikes_of(net, list(modules), calls, frames.shape[1])[0])

    potentials = potentials_of_theirs(modules, run)
    net.last.clear(), net.states.clear(), reset_state(net)
    return found, potentials, modules


def check_equal(net):
    """Convert on a small sample; a hundred other inputs decide."""
    net.eval()
    network = convert(net, spikes(net, 5, seed=1))
    frames = spikes(net, INPUTS, seed=2)
    theirs, potentials, originals = theirs_of(net, frames)
    ours, currents, modules = ours_of(network, frames)
    assert set(theirs) == set(ours)
    fired = sum(float(each.count_nonzero()) for each in theirs.values())
    assert 0.01 < fired / sum(each.numel() for each in theirs.values()) < 0.99, "the comparison says nothing"
    for name, expected in theirs.items():
        differ = int((ours[name].reshape(expected.shape) != expected).sum())
        assert differ == 0, f"{name}: {differ} of {expected.numel()} differ"
    assert farthest(potentials, originals, currents, modules) <= 1e-6


@pytest.mark.parametrize(("framework", "code", "architecture"), CASES)
def test_not_a_spike_differs(framework, code, architecture):
    torch.manual_seed(3)
    net = nets.ARCHITECTURES[architecture](neurons.WAYS[framework](code))
    neurons.in_sixteenths(net, neurons.strength(framework, code))
    check_equal(net)


@pytest.mark.parametrize(("way", "architecture"), LOOPS)
def test_however_time_runs(way, architecture):
    pytest.importorskip(neurons.PACKAGES[way[0]], reason=f"{way[0]} is not installed")
    torch.manual_seed(3)
    net = nets.ARCHITECTURES[architecture](ways.ways(STEPS)[way]())
    neurons.in_sixteenths(net)
    check_equal(net)


def test_the_page_says_what_is_tested():
    page = interop.PAGE.read_text("utf-8")
    assert page == interop.written(page), "stale: run python -m tests.converting.interop"
