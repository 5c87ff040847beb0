"""Networks of published size on a hundred random inputs: no spike differs, and potentials to a millionth."""

import pytest
import torch

from converting import published
from converting.states import farthest, integrates, ours_of, potentials_of_theirs
from spareto.converting import convert
from spareto.converting.comparing import neuron_names, spikes_of
from spareto.frameworks import reset_state

CHUNK = 20
CASES = {
    "snnTorch tutorial 6": (published.Csnn, 4.0, (1, 28, 28), 0, 4.0),
    "SpikingJelly N-MNIST": (published.jelly_nmnist, 8.0, (2, 34, 34), 4, 1.0),
    "SpikingJelly SEW ResNet-18": (published.sew_resnet, 4.0, (3, 64, 64), 4, 1.0),
    "Norse ConvNet": (published.norse_conv, 4.0, (1, 28, 28), 8, 20.0),
    "sinabs N-MNIST": (lambda: published.sinabs_nmnist(CHUNK), 6.0, (2, 34, 34), 5, 1.0),
}


def frames(sensor, steps, scale, seed):
    """Numbers in sixteenths, a third of them not zero; no axis of time for 0 timesteps."""
    generator = torch.Generator().manual_seed(seed)
    shape = (steps, CHUNK, *sensor) if steps else (CHUNK, *sensor)
    numbers = torch.randint(0, 17, shape, generator=generator) / 16
    return numbers * scale * (torch.rand(shape, generator=generator) < 0.3)


def check(case, inputs):
    build, strength, sensor, steps, scale = case
    model = published.exact(build(), strength)
    options = {} if steps else {"layout": "static"}
    network = convert(model, frames(sensor, steps, scale, seed=0), **options)
    originals = {name: model.get_submodule(name) for name in neuron_names(model)}
    merged = any(type(module).__name__ == "IAFSqueeze" for module in originals.values())
    for seed in range(1, inputs // CHUNK + 1):
        x = frames(sensor, steps, scale, seed)
        given = x.transpose(0, 1).flatten(0, 1) if merged else x
        found = {}

        def run(given=given, found=found):
            reset_state(model)
            found.update(spikes_of(model, list(originals), lambda: model(given), CHUNK)[0])

        potentials = potentials_of_theirs(originals, run)
        spikes, currents, modules = ours_of(network, x)
        assert set(spikes) == set(found)
        for name, theirs in found.items():
            if not integrates(modules[name]):
                assert 0.02 < float((theirs != 0).float().mean()) < 0.95, f"{name} says nothing"
                assert int((spikes[name].reshape(theirs.shape) != theirs).sum()) == 0, name
        assert farthest(potentials, originals, currents, modules) <= 1e-6


@pytest.mark.parametrize("name", CASES)
def test_a_hundred_inputs(name):
    check(CASES[name], inputs=100)


@pytest.mark.slow
def test_a_network_of_gestures():
    """SpikingJelly's network for DVS128 Gesture as published: 128 channels, 128 x 128 pixels."""
    check((published.jelly_gestures, 8.0, (2, 128, 128), 4, 1.0), inputs=20)
