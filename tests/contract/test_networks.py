"""Every registered network keeps the laws; a new file in networks/ is tested here unasked."""

import inspect

import pytest
import torch

from spareto.networks import build, names, registry
from spareto.testing import networks as laws

SENSOR = (2, 32, 32)
CLASSES = 3
TIMESTEPS = 4
NARROW = {  # the published widths would take minutes
    "resnet19": {"channels": (8, 12, 16), "blocks": (1, 2, 1)},
    "vgg16": {"stages": ((4, 4), (6,), (8, 8))},
}


@pytest.fixture(params=registry.names())
def make(request):
    takes_timesteps = "timesteps" in inspect.signature(registry.get(request.param)).parameters
    options = {"timesteps": TIMESTEPS} if takes_timesteps else {}
    options |= NARROW.get(request.param, {})
    return lambda: build(request.param, sensor=SENSOR, classes=CLASSES, **options)


@pytest.fixture
def network(make):
    torch.manual_seed(0)
    return make()


@pytest.fixture
def frames():
    return (torch.rand((TIMESTEPS, 3, *SENSOR), generator=torch.Generator().manual_seed(0)) < 0.3).float()


def test_rates_lie_between_0_and_1(network, frames):
    laws.check_rates(network, frames, CLASSES)


def test_a_network_built_for_its_timesteps_refuses_others(network, frames):
    laws.check_timesteps(network, frames)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_wrong_frames_are_refused(network, frames, training):
    laws.check_wrong_frames(network.train(training), frames)


def test_samples_are_independent_in_evaluation(network, frames):
    laws.check_batch_independent(network, frames)


def test_same_seed_same_network(make, frames):
    laws.check_repeatable(make, frames)


def test_a_gradient_reaches_every_parameter(network, frames):
    laws.check_learns(network, frames)


def test_kernels_change_nothing(network, frames):
    laws.check_kernels(network, frames)


def test_every_layer_can_be_counted(network, frames):
    laws.check_counted(network, frames)


def test_the_zoo_is_registered():
    assert {"conv", "dense", "plif", "resnet19", "tcja", "vgg16", "vgg_snn"} <= set(names())
