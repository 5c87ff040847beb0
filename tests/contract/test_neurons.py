"""Every registered neuron keeps the laws; a new file in neurons/ is tested here unasked."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spareto.neurons import registry
from spareto.testing import neurons as laws

OPTIONS = {
    "lif": [{}, {"reset": "subtract"}, {"tau": 3.0}, {"tau": 5.0, "reset": "subtract", "v_threshold": 0.7}]
}
VARIANTS = [(name, options) for name in registry.names() for options in OPTIONS.get(name, [{}])]
SHAPES = [(1, 3), (7, 5, 3), (4, 1, 17), (6, 0, 2), (2, 3, 5, 7, 3)]
TYPES = [torch.float32, torch.float64]


@pytest.fixture(params=VARIANTS, ids=str)
def neuron(request):
    name, options = request.param
    return registry.make(name, **options)


def currents(shape, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype) * 1.5 + 0.7


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=TYPES, ids=str)
def current(request, shape):
    return currents(shape, request.param)


@pytest.fixture(params=["transposed", "strided", "expanded"])
def scattered(request):
    """Currents that do not lie in one piece of memory."""
    match request.param:
        case "transposed":
            return currents((3, 5, 4)).transpose(0, 2)
        case "strided":
            return currents((8, 3, 10))[::2, :, 1::3]
        case _:
            return currents((6, 1, 4)).expand(6, 3, 4)


def test_spikes_are_0_or_1(neuron, current):
    laws.check_spikes(neuron, current)


@pytest.mark.parametrize("first", range(6))
def test_a_break_between_timesteps_changes_nothing(neuron, first):
    laws.check_continues(neuron, currents((5, 2, 3)), first)


def test_samples_are_independent(neuron):
    laws.check_batch_independent(neuron, currents((6, 4, 7)))


def test_forward_gives_the_spikes_of_its_steps(neuron, current):
    laws.check_forward_is_its_steps(neuron, current)


def test_forward_gives_the_gradient_of_its_steps(neuron, current):
    laws.check_gradient_is_that_of_its_steps(neuron, current)


def test_memory_layout_does_not_matter(neuron, scattered):
    assert not scattered.is_contiguous()
    laws.check_spikes(neuron, scattered)
    laws.check_forward_is_its_steps(neuron, scattered)
    laws.check_gradient_is_that_of_its_steps(neuron, scattered)


def test_one_long_run_on_the_edge_of_firing(neuron):
    """Currents on a coarse grid put many membrane potentials within a rounding error of the threshold."""
    generator = torch.Generator().manual_seed(1)
    laws.check_forward_is_its_steps(neuron, torch.randint(-2, 9, (40, 2000), generator=generator) / 4)


@settings(max_examples=60)
@given(
    variant=st.sampled_from(VARIANTS),
    values=hnp.arrays(
        np.float32, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.floats(-8, 8, width=32)
    ),
)
def test_any_finite_current(variant, values):
    name, options = variant
    neuron, current = registry.make(name, **options), torch.from_numpy(values)
    laws.check_spikes(neuron, current)
    laws.check_forward_is_its_steps(neuron, current)


def test_lif_is_registered():
    assert "lif" in registry.names()
