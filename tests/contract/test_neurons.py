"""Every registered neuron keeps the laws; a new file in neurons/ is tested here unasked."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spareto.neurons import registry
from spareto.neurons._family import Reset
from spareto.neurons.surrogates import registry as surrogates
from spareto.testing import neurons as laws

RESETS = [{"reset": reset} for reset in Reset.__args__ if reset != "value"]
RESETS += [{"reset": "value", "v_reset": -0.3}]
FAMILY = [{**reset, **how} for how in ({}, {"detach_reset": False}, {"strict": True}) for reset in RESETS]
OPTIONS = {
    "alif": [*FAMILY, {"tau_adapt": 3.0, "adapt_scale": 0.7, "reset": "subtract"}],
    "iaf": FAMILY,
    "lif": [
        *FAMILY,
        {"tau": 3.0},
        {"tau": 5.0, "reset": "subtract", "v_threshold": 0.7},
        {"beta": 0.9, "gain": 1.0},
        {"tau": 4.0, "decay": "exponential", "v_leak": -0.2},
    ],
    "multi_spike": [
        {},
        {"detach_reset": False},
        {"neuron": "iaf", "strict": True},
        {"neuron": "plif", "v_threshold": 0.7, "v_leak": -0.2},
        {"neuron": "synaptic", "alpha": 0.8, "most": 2},
        {"neuron": "alif", "adapt_scale": 0.7, "tau_adapt": 3.0, "detach_reset": False},
    ],
    "plif": [*FAMILY, {"tau": 3.0, "gain": 1.0}],
    "quantized_state": [
        {},
        {"neuron": "synaptic", "reset": "subtract", "strict": True},
        {"neuron": "alif", "reset": "value", "v_reset": -0.25, "bits": 5},
        {"neuron": "plif", "reset": "zero_delayed", "detach_reset": False},
        {"neuron": "recurrent", "reset": "subtract_delayed"},
        {"neuron": "multi_spike"},
    ],
    "recurrent": [
        {},
        {"neuron": "alif", "bias": True, "reset": "value", "v_reset": -0.3},
        {"neuron": "iaf", "reset": "subtract", "strict": True},
        {"neuron": "plif", "reset": "subtract_delayed"},
        {"neuron": "plif", "reset": "none", "detach_reset": False},
        {"neuron": "synaptic", "reset": "zero_delayed", "strict": True},
        {"neuron": "synaptic", "reset": "subtract", "detach_reset": False, "bias": True},
        {"neuron": "quantized_state"},
    ],
    "synaptic": [*FAMILY, {"alpha": 0.8, "beta": 0.6, "gain": 1.0, "reset": "zero_delayed"}],
}
VARIANTS = [(name, options) for name in registry.names() for options in OPTIONS.get(name, [{}])]
SHAPES = [(1, 3), (7, 5, 3), (4, 1, 17), (6, 0, 2), (0, 4, 3), (3, 2, 259), (2, 3, 5, 7, 3)]
TYPES = [torch.float32, torch.float64]


def make(variant, features):
    name, options = variant
    torch.manual_seed(0)
    recurrent = "recurrent" in (name, options.get("neuron"))
    return registry.make(name, **options, **({"features": features} if recurrent else {}))


def currents(shape, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype) * 1.5 + 0.7


@pytest.fixture(params=VARIANTS, ids=str)
def variant(request):
    return request.param


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=TYPES, ids=str)
def current(request, shape):
    return currents(shape, request.param)


@pytest.fixture(params=["transposed", "strided", "expanded", "channels_last"])
def scattered(request):
    """Currents that do not lie in one piece of memory, or not in the usual order."""
    match request.param:
        case "transposed":
            return currents((3, 5, 4)).transpose(0, 2)
        case "strided":
            return currents((8, 3, 10))[::2, :, 1::3]
        case "expanded":
            return currents((6, 1, 4)).expand(6, 3, 4)
        case _:
            merged = currents((12, 5, 4, 3)).to(memory_format=torch.channels_last)
            return merged.unflatten(0, (4, 3))


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
