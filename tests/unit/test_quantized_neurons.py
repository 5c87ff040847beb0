"""Neurons with parameters and state in fixed point."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import tiny
from spareto import recipes
from spareto.compression import bake, compress, compressed_weight, compression_report
from spareto.core.errors import ConfigError
from spareto.neurons._fixed_point import rounded, stored
from spareto.neurons.lif import LIF
from spareto.neurons.quantized_state import QuantizedState
from spareto.profiling import profile
from spareto.records import LayerBits, MembranePlan, QuantizeStep, Recipe
from spareto.testing.steps import state_bytes

CURRENTS = torch.randn(12, 3, 17, generator=torch.Generator().manual_seed(0)) * 1.5 + 0.5


def states(neuron):
    state, seen = neuron.initial_state(CURRENTS[0]), []
    for now in CURRENTS:
        _, state = neuron.step(now, state)
        seen.append(state)
    return torch.stack(seen)


@pytest.mark.parametrize("bits", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("v_max", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_states_are_codes_of_so_many_bits(bits, v_max, reset):
    neuron = QuantizedState(LIF(reset=reset), bits=bits, v_max=v_max)
    codes = states(neuron) / (v_max / 2 ** (bits - 1))
    assert torch.equal(codes, codes.round())
    assert codes.abs().max() <= 2 ** (bits - 1) - 1


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_with_many_bits_it_is_the_neuron_itself(reset):
    exact, coarse = LIF(reset=reset), QuantizedState(LIF(reset=reset), bits=16, v_max=16.0)
    torch.testing.assert_close(states(coarse), states(exact), rtol=0, atol=2e-3)
    assert (coarse(CURRENTS) != exact(CURRENTS)).double().mean() < 0.01


def test_zero_stays_zero_and_what_saturates_gets_no_gradient():
    state = torch.tensor([0.0, -0.0, 0.3, -0.3, 5.0, -5.0], requires_grad=True)
    kept = stored(state, 0.25, 7)
    assert torch.equal(kept, torch.tensor([0.0, 0.0, 0.25, -0.25, 1.75, -1.75]))
    assert not kept[:2].signbit().any()
    kept.sum().backward()
    assert torch.equal(state.grad, torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]))


def test_the_gradient_through_time_is_that_of_the_straight_through_loop():
    leaf = CURRENTS.double().clone().requires_grad_()
    neuron = QuantizedState(LIF(), bits=4)
    neuron(leaf).sum().backward()
    twin, step, most = CURRENTS.double().clone().requires_grad_(), 2.0 / 8, 7
    inner, state, total = LIF(), torch.zeros(3, 17, dtype=torch.float64), 0.0
    for now in twin:
        spikes, state = inner.step(now, state)
        codes = (state / step).round().clamp(-most, most) * step
        inside = ((state / step).abs() <= most).double()
        state = codes.detach() + inside * (state - state.detach())
        total = total + spikes.sum()
    total.backward()
    torch.testing.assert_close(leaf.grad, twin.grad)


@given(st.floats(-1e6, 1e6), st.integers(2, 16))
def test_a_rounded_number_has_so_many_digits(value, bits):
    got = rounded(value, bits)
    assert abs(got - value) <= abs(value) * 2.0**-bits
    assert rounded(got, bits) == got
    digits = math.ldexp(math.frexp(got)[0], bits)
    assert digits == int(digits)


def test_wrong_parameters_come_in_one_error():
    with pytest.raises(ConfigError) as error:
        QuantizedState(bits=17, v_max=3.0)
    assert str(error.value).splitlines() == [
        "neuron 'quantized_state'.bits: got 17; expected an integer from 2 to 16.",
        "neuron 'quantized_state'.v_max: got 3.0; expected a power of two, such as 2.",
    ]


def recipe(**fields):
    return Recipe(steps=(QuantizeStep(bits=4, **fields),))


def test_a_recipe_stores_membranes():
    network = tiny.network()
    before = state_bytes(network)
    compressed = compress(network, recipe(membrane=MembranePlan(bits=6, v_max=4.0)))
    wrapped = [module for module in compressed.modules() if isinstance(module, QuantizedState)]
    assert [(neuron.bits, neuron.v_max, neuron.kind, neuron.states) for neuron in wrapped] == [
        (6, 4.0, "lif", 1)
    ] * 2
    assert [type(module) for module in network.modules() if isinstance(module, LIF)] == [LIF, LIF]
    assert state_bytes(network) == before
    frames = torch.from_numpy(tiny.frame_data().train_frames).float()
    compressed(frames).square().sum().backward()
    assert compressed.features[0].conv.parametrizations.weight.original.grad.any()


def test_the_workload_knows_the_width_of_the_state():
    network = nn.Sequential(nn.Linear(3, 2), QuantizedState(bits=6))
    (layer,) = profile(network, torch.ones(4, 5, 3), layout="time-first").workload.layers
    record = layer.neuron
    assert (record.kind, record.count, record.states, record.state_bits) == ("lif", 2, 1, 6)


def test_a_recipe_rounds_decays_and_thresholds():
    network = tiny.network(tau=3.0)
    compressed = compress(network, recipe(neuron_bits=3))
    betas = [module.beta for module in compressed.modules() if isinstance(module, LIF)]
    assert betas == [0.625, 0.625]
    assert [module.v_threshold for module in compressed.modules() if isinstance(module, LIF)] == [1.0, 1.0]
    assert [module.beta for module in network.modules() if isinstance(module, LIF)] == [
        pytest.approx(2 / 3)
    ] * 2


def test_neurons_of_nobody_we_know():
    for field, value in (("neuron_bits", 4), ("membrane", MembranePlan(bits=4))):
        with pytest.raises(ConfigError) as error:
            compress(tiny.plain(), recipe(**{field: value}))
        rule = "got a network without them; expected Spareto's neurons inside a network"
        cure = "Leave it out, or build the network from Spareto's neurons."
        assert str(error.value) == f"recipe.steps[0].{field}: {rule}. {cure}"


def test_a_neuron_that_learns_its_parameters():
    network = tiny.network()
    neuron = next(module for module in network.modules() if isinstance(module, LIF))
    neuron.w = nn.Parameter(torch.zeros(()))
    with pytest.raises(ConfigError) as error:
        compress(network, recipe(neuron_bits=4))
    rule = "got learned w; expected parameters that are plain numbers"
    cure = "Leave recipe.steps[0].neuron_bits out, or use a neuron that does not learn them."
    assert str(error.value) == f"neuron 'features.0.neuron': {rule}. {cure}"


def test_a_recipe_quantizes_biases():
    network = tiny.plain()
    compressed = compress(network, recipe(bias_bits=6))
    for layer, plain in ((compressed[0], network[0]), (compressed[2], network[2])):
        codes = layer.bias / compressed_weight(layer, "bias").quantizer.scale
        torch.testing.assert_close(codes, codes.round())
        assert codes.abs().max().round() == 31
        assert 0 < (layer.bias - plain.bias).abs().max() <= plain.bias.abs().max() / 31
    compressed(torch.randn(4, 12)).sum().backward()
    assert compressed[0].parametrizations.bias.original.grad.any()
    expected = compressed.eval()[0].bias.clone()
    bake(compressed)
    assert torch.equal(compressed[0].bias, expected)


def test_some_layers_have_another_width_and_the_first_pattern_counts():
    bits = (
        LayerBits(layers="0", bits=8),
        LayerBits(layers="*", bits=1, quantizer="sign"),
        LayerBits(layers="2", bits=6),
    )
    report = compression_report(compress(tiny.plain(), recipe(layer_bits=bits)))
    assert [(layer.bits, layer.levels) for layer in report] == [(8, report[0].levels), (1, 2)]
    plain = compression_report(compress(tiny.plain(), recipe(layer_bits=bits[:1])))
    assert [layer.bits for layer in plain] == [8, 4]


def test_a_width_for_layers_that_are_not_there():
    bits = (LayerBits(layers="0", bits=8), LayerBits(layers="conv*", bits=2))
    with pytest.raises(ConfigError) as error:
        compress(tiny.plain(), recipe(layer_bits=bits))
    rule = "got 'conv*'; expected a pattern that matches a touched layer. They are 0, 2."
    assert str(error.value) == f"recipe.steps[0].layer_bits[1].layers: {rule}"


def test_a_quantizers_options_and_rounding():
    step = {"quantizer": "percentile_range", "options": {"percentile": 50}, "rounding": "ewgs"}
    quantizer = compressed_weight(compress(tiny.plain(), recipe(**step))[0]).quantizer
    assert quantizer.percentile == 50
    assert type(quantizer.rounding).__name__ == "ElementWiseScaling"
    with pytest.raises(ConfigError) as error:
        compress(tiny.plain(), recipe(options={"percentil": 50}, quantizer="percentile_range"))
    assert str(error.value).startswith(
        "recipe.steps[0].options.percentil: got an unknown option; expected one of"
    )


def test_everything_at_once():
    step = {"membrane": MembranePlan(bits=8), "neuron_bits": 8, "bias_bits": 8, "fold_batch_norm": True}
    joint = recipes.joint(4, 0.5)
    steps = (joint.steps[0], QuantizeStep(bits=4, quantizer="duq", rounding="ewgs", **step))
    compressed = compress(tiny.network(), joint.model_copy(update={"steps": steps}))
    frames = torch.from_numpy(tiny.frame_data().train_frames).float()
    compressed(frames).square().sum().backward()
    assert compressed.features[0].conv.bias is not None
    assert all(layer.bits == 4 for layer in compression_report(compressed))
