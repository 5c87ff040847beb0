"""Public functions refuse numbers that cannot be, in words, before they work."""

import math

import numpy as np
import pytest
import torch

import spareto
from spareto.runtime import Engine

WRONG = [0, -1, True, 1.5, "a"]
SENSOR = (2, 8, 8)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return spareto.networks.build("conv", sensor=SENSOR, classes=3)


@pytest.fixture(scope="module")
def lowered(network):
    return spareto.lower(spareto.compress(network, spareto.recipes.quantize(bits=4)).eval())


@pytest.fixture(scope="module")
def samples():
    return torch.zeros(4, 3, *SENSOR), torch.zeros(3, dtype=torch.long)


@pytest.mark.parametrize("wrong", WRONG)
def test_sizes_of_batches_and_classes(network, samples, wrong):
    for call in (spareto.evaluate, spareto.profile):
        with pytest.raises(spareto.ConfigError, match=r"^batch_size: got .*; expected an integer"):
            call(network, *samples, batch_size=wrong)
    with pytest.raises(spareto.ConfigError, match=r"^classes: got .*; expected an integer"):
        spareto.from_arrays(*samples, classes=wrong)


@pytest.mark.parametrize("wrong", [-1, 1 << 63, True, 1.0, "a"])
def test_seeds(network, wrong):
    with pytest.raises(spareto.ConfigError, match=r"^seed: got .*; expected an integer"):
        spareto.compress(network, spareto.recipes.quantize(bits=4), seed=wrong)


@pytest.mark.parametrize(
    "options",
    [
        *({"classes": wrong} for wrong in (*WRONG, 4)),
        *({"input_most": wrong} for wrong in (*WRONG, 256)),
        *({"input_step": wrong} for wrong in (0.0, -1.0, math.nan, math.inf, "a")),
        *({"state_bits": wrong} for wrong in (8, "a")),
        *({"sensor": wrong} for wrong in ("abc", (2, 8), (2, 8, 8, 1), (2, 0, 8), (2, 8.0, 8), (2, 9, 8))),
    ],
)
def test_what_a_network_is_lowered_for(network, options):
    small = spareto.compress(network, spareto.recipes.quantize(bits=4)).eval()
    (name,) = options
    with pytest.raises(spareto.ConfigError, match=f"^{name}: got "):
        spareto.lower(small, **options)
    assert spareto.lower(small, sensor=SENSOR, classes=3).network.classes == 3


@pytest.mark.parametrize("wrong", WRONG)
def test_threads_of_the_engine(lowered, wrong):
    engine = Engine(lowered.network)
    frames = np.zeros((2, 1, *SENSOR), np.uint8)
    for call in (engine.session, lambda threads: engine.batch(frames, threads)):
        with pytest.raises(spareto.ConfigError, match=r"^threads: got .*; expected an integer"):
            call(wrong)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, "a", None])
def test_points(wrong):
    for call in (
        lambda: spareto.front([(0.9, wrong)]),
        lambda: spareto.hypervolume([(0.9, wrong)], (0.0, 1.0)),
        lambda: spareto.hypervolume([(0.9, 1.0)], (0.0, wrong)),
    ):
        with pytest.raises(spareto.InputError, match=r"^points\[0\]: got .*; expected 2 finite numbers"):
            call()


@pytest.mark.parametrize("senses", [5, None, "max", ["max", "maximum"], ["max", 1], ("min", None)])
def test_what_is_better(senses):
    for call in (
        lambda: spareto.front([(0.9, 1.0)], senses),
        lambda: spareto.hypervolume([(0.9, 1.0)], (0.0, 2.0), senses),
    ):
        with pytest.raises(spareto.InputError, match=r"^senses(\[1\])?: got .*; expected "):
            call()
