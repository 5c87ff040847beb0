"""Every registered neuron keeps the laws; a new file in neurons/ is tested here unasked."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import neuron_variants
from neuron_variants import LAYOUTS, SHAPES, VARIANTS, currents, make
from spareto.neurons import registry
from spareto.neurons.surrogates import registry as surrogates
from spareto.testing import neurons as laws

TYPES = [torch.float32, torch.float64]


@pytest.fixture(params=VARIANTS, ids=str)
def variant(request):
    return request.param


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=TYPES, ids=str)
def current(request, shape):
    return currents(shape, request.param)


@pytest.fixture(params=LAYOUTS)
def scattered(request):
    return neuron_variants.scattered(request.param)


def test_spikes_are_0_or_1(variant, current):
    laws.check_spikes(make(variant, current.shape[-1]).to(current.dtype), current)


def test_a_step_is_a_pure_function(variant):
    laws.check_step_is_pure(make(variant, 3), currents((5, 2, 3)))


@pytest.mark.parametrize("first", range(6))
def test_a_break_between_timesteps_changes_nothing(variant, first):
    laws.check_continues(make(variant, 3), currents((5, 2, 3)), first)


def test_samples_are_independent(variant):
    if "recurrent" in (variant[0], variant[1].get("neuron")):
        pytest.skip("a matrix product rounds by the size of its batch")
    laws.check_batch_independent(make(variant, 7), currents((6, 4, 7)))


def test_forward_gives_the_spikes_of_its_steps(variant, current):
    laws.check_forward_is_its_steps(make(variant, current.shape[-1]).to(current.dtype), current)


def test_forward_gives_the_gradient_of_its_steps(variant, current):
    laws.check_gradient_is_that_of_its_steps(make(variant, current.shape[-1]).to(current.dtype), current)


def test_gradients_flow_through_a_break(variant):
    laws.check_run_carries_gradients(make(variant, 3), currents((8, 2, 3)))


def test_memory_layout_does_not_matter(variant, scattered):
    neuron = make(variant, scattered.shape[-1])
    laws.check_spikes(neuron, scattered)
    laws.check_forward_is_its_steps(neuron, scattered)
    laws.check_gradient_is_that_of_its_steps(neuron, scattered)


@pytest.mark.parametrize("name", surrogates.names())
@pytest.mark.parametrize("detach", [True, False], ids=["detached", "attached"])
@pytest.mark.parametrize("variant", [v for v in VARIANTS if "detach_reset" not in v[1]], ids=str)
def test_every_surrogate(variant, name, detach):
    kind, options = variant
    options = {**options, "surrogate": name, "detach_reset": detach}
    for shape, dtype in (((9, 3, 7), torch.float32), ((2, 2, 3, 19), torch.float64)):
        neuron = make((kind, options), shape[-1]).to(dtype)
        laws.check_gradient_is_that_of_its_steps(neuron, currents(shape, dtype))


def test_one_long_run_on_the_edge_of_firing(variant):
    """Currents on a coarse grid put many membrane potentials within a rounding error of the threshold."""
    generator = torch.Generator().manual_seed(1)
    current = torch.randint(-2, 9, (40, 5, 100), generator=generator) / 4
    laws.check_forward_is_its_steps(make(variant, 100), current)


@settings(max_examples=60, deadline=None)
@given(
    variant=st.sampled_from(VARIANTS),
    values=hnp.arrays(
        np.float32, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.floats(-8, 8, width=32)
    ),
)
def test_any_finite_current(variant, values):
    neuron, current = make(variant, values.shape[-1]), torch.from_numpy(values)
    laws.check_spikes(neuron, current)
    laws.check_forward_is_its_steps(neuron, current)


def test_the_neurons_of_the_issue_are_registered():
    assert {"alif", "iaf", "lif", "plif", "recurrent", "synaptic"} <= set(registry.names())
