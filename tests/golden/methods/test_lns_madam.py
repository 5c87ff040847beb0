"""The exact numbers of LNS-Madam: quantizer, datapath and update."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import workloads
from spareto.core.errors import ConfigError
from spareto.hardware import load_accelerator
from spareto.hardware.charging.energy import operation
from spareto.hardware.tables import estimate
from spareto.integer import logarithmic as lns
from spareto.quantizers import registry
from spareto.records import OptimizerPlan, TrainingPlan, UpdatePlan
from spareto.training.optimizer import make_optimizer
from spareto.training.optimizers.madam import multiply
from spareto.training.updating import on_grid, per_octave

GAMMA = 8
TOP = torch.tensor(4.0)


def weights(count=4096, seed=0, dtype=torch.float64):
    return torch.randn(8, count // 8, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize(("bits", "percent"), [(8, 4.43), (9, 2.19), (10, 1.09), (12, 0.27)])
def test_the_largest_relative_error(bits, percent):
    """2^(1/(2γ)) − 1, reached half-way between two exponents; 4.43 % at 8 bits, γ = 8."""
    quantizer = registry.make("logarithmic", bits=bits)
    bound = 2 ** (1 / (2 * quantizer.gamma)) - 1
    assert round(100 * bound, 2) == percent
    fine = torch.exp2(-torch.arange(0, 15, 1e-4, dtype=torch.float64))[None]  # 1 down to the smallest
    quantizer.start(fine)
    error = (quantizer(fine) / fine - 1).abs().max().item()
    assert error == pytest.approx(bound, rel=1e-2)
    assert error <= bound * (1 + 1e-6)


def test_the_range_at_8_bits():
    quantizer = registry.make("logarithmic", bits=8)
    quantizer.start(torch.ones(1, 1))
    assert quantizer.gamma == GAMMA
    assert quantizer.decode(torch.tensor([[0]])).item() == pytest.approx(2**-15.875)
    assert quantizer.decode(torch.tensor([[127]])).item() == 1.0
    assert quantizer.decode(torch.tensor([[-128]])).item() == -1.0


def test_the_quantizer_agrees_with_the_plain_one():
    weight = weights().float()
    quantizer = registry.make("logarithmic", bits=8)
    quantizer.start(weight)
    smallest = weight.abs().max().double().item() * 2**-15.875
    codes = quantizer.encode(weight).flatten().tolist()
    for value, code in zip(weight.flatten().tolist(), codes, strict=True):
        plain = lns.encode(value, smallest, GAMMA, 8)
        assert code == (plain.exponent if plain.sign > 0 else -1 - plain.exponent)


def test_the_table():
    assert lns.constants(8) == (256, 279, 304, 332, 362, 395, 431, 470)


def test_mitchells_line():
    """2^f ≈ 1 + f: worst at f = 1/ln 2 − 1 = 0.443, by +6.15 %; exact at 0 and 1."""
    places = np.linspace(0, 1, 4097)
    error = (1 + places) / 2**places - 1
    assert round(places[error.argmax()], 3) == 0.443
    assert round(100 * error.max(), 2) == 6.15
    assert error[0] == error[-1] == 0
    assert error.min() >= 0
    assert lns.worst_error(4096, 1) == pytest.approx(error.max(), rel=1e-6)
    assert 1 / math.log(2) - 1 == pytest.approx(0.4427, abs=1e-4)


@pytest.mark.parametrize("gamma", [1, 2, 8, 64])
def test_a_larger_table_is_never_worse_and_a_full_one_exact(gamma):
    errors = [lns.worst_error(gamma, 2**k) for k in range(gamma.bit_length())]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == 0


@pytest.mark.parametrize(("gamma", "entries"), [(3, 1), (8, 3), (8, 16), (0, 1)])
def test_tables_that_do_not_fit_are_refused(gamma, entries):
    with pytest.raises(ConfigError, match=r"power of two|at most 8"):
        lns.constants(gamma, entries=entries)


NUMBERS = st.builds(lns.LogarithmicNumber, st.sampled_from([-1, 0, 1]), st.integers(0, 127))
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=40)


@given(PAIRS)
def test_a_sum_of_constants_is_exact_in_any_order(pairs):
    """Equal, bit for bit, to the sum of fractions; addition of whole numbers forgets the order."""
    table = lns.constants(GAMMA)
    expected = sum(
        (Fraction(a.sign * b.sign * table[p % GAMMA]) * 2 ** (p // GAMMA)
         for a, b in pairs for p in [a.exponent + b.exponent]), Fraction(0))  # fmt: skip
    found = lns.dot_of_constants([a for a, _ in pairs], [b for _, b in pairs], table)
    assert found == expected
    back = pairs[::-1]
    assert found == lns.dot_of_constants([b for _, b in back], [a for a, _ in back], table)


@given(PAIRS)
def test_the_machine_is_as_good_as_its_table(pairs):
    """Each constant is off by half a unit in 256 at most, so each term by at most 1/512 of its shift."""
    a, b = [one for one, _ in pairs], [two for _, two in pairs]
    slack = sum(2.0 ** ((one.exponent + two.exponent) // GAMMA) / 512 for one, two in pairs)
    found = lns.dot_of_constants(a, b, lns.constants(GAMMA)) / 256
    assert abs(found - lns.dot(a, b, GAMMA)) <= slack * (1 + 1e-9)


@given(NUMBERS, NUMBERS)
def test_a_product_is_exact_in_the_exponent(a, b):
    assert lns.product(a, b) == lns.LogarithmicNumber(a.sign * b.sign, a.exponent + b.exponent)


def test_the_energy_of_a_logarithmic_unit():
    """A product adds exponents, 0.0857 pJ for 32 bits; every operation pays for a table and a shift."""
    table = {"table": "lns_45nm"}
    read = estimate({**table, "action": "conversion", "depth": 8, "width_bits": 8}, "x")["value"]
    shift = estimate({**table, "action": "shift", "bits": 24}, "x")["value"]
    plain, logarithmic = (load_accelerator(name).compute for name in ("eyeriss_like", "lns_like"))
    assert logarithmic.conversion_energy.amount == pytest.approx(read + shift, rel=1e-5)
    spiking, analog = workloads.layer(), workloads.layer(analog=True)
    costs = {
        name: [operation(layer, unit)[1] for layer in (spiking, analog)]
        for name, unit in (("plain", plain), ("lns", logarithmic))
    }
    bits = max(8, analog.input.bits)
    product = 8.63 * 8 * analog.input.bits / 32**2
    assert costs["lns"][0] - costs["plain"][0] == pytest.approx(read + shift, rel=1e-5)
    assert costs["lns"][1] - costs["plain"][1] == pytest.approx(read + shift + 0.0857 * bits / 32 - product)
    small = estimate({**table, "action": "conversion", "depth": 1, "width_bits": 8}, "x")["value"]
    assert small < read  # a smaller table costs less, and its line is less exact


def stepped(weight, gradient, rate=1 / 128, **options):
    parameter = torch.nn.Parameter(weight.clone())
    plan = TrainingPlan(learning_rate=rate, optimizer=OptimizerPlan(name="madam", options=options))
    holder = torch.nn.Module()
    holder.weight = parameter
    optimizer = make_optimizer(holder, plan)
    for each in gradient:
        parameter.grad = each
        optimizer.step()
    return parameter.detach()


GRADIENTS = [weights(seed=seed) for seed in (1, 2, 3, 4)]


@pytest.mark.parametrize("whole", [True, False])
def test_no_step_is_longer_than_ten_learning_rates(whole):
    weight, spiky = weights(), [1e-3 * GRADIENTS[0]] * 200 + [GRADIENTS[1]]
    before = stepped(weight, spiky[:-1], whole=whole, most=100.0)
    after = stepped(weight, spiky, whole=whole, most=100.0)
    moved = (after / before).log2().abs()
    assert moved.max() <= 10 / 128 * (1 + 1e-9)
    assert moved.max() >= 9 / 128


def test_scales_of_gradients_and_weights_do_not_matter():
    weight = weights()
    once = stepped(weight, GRADIENTS)
    assert torch.equal(once, stepped(weight, [1024 * each for each in GRADIENTS]))
    assert torch.equal(8 * once, stepped(8 * weight, GRADIENTS))


def test_signs_stay_and_weights_are_bounded():
    weight = weights()
    after = stepped(weight, [-weight.sign() * (1 + 0 * weight)] * 500, rate=0.1)
    bound = 3 * weight.square().mean().sqrt()
    assert torch.equal(after.sign(), weight.sign())
    torch.testing.assert_close(after.abs().max(), bound)
    assert after.abs().max() <= bound


def test_an_update_is_a_share_of_the_weight_where_sgd_moves_by_the_gradient():
    weight, gradient = weights(), torch.ones(8, 512, dtype=torch.float64)
    share = stepped(weight, [gradient], most=100.0) / weight - 1
    up, down = 2 ** (1 / 128) - 1, 2 ** (-1 / 128) - 1
    expected = torch.where(weight > 0, down, up).double()
    torch.testing.assert_close(share, expected, rtol=1e-6, atol=0)


def test_zero_weights_are_refused_or_drawn_anew():
    weight = weights()
    weight[0, :3] = 0
    with pytest.raises(ConfigError) as error:
        stepped(weight, GRADIENTS)
    assert str(error.value) == (
        "weights 'weight': got 3 of 4,096 that are zero; expected weights other than zero, for Madam "
        "multiplies them. Set training.optimizer.options.zeros: reinitialise."
    )
    assert bool((stepped(weight, GRADIENTS, zeros="reinitialise") != 0).all())
    with pytest.raises(ConfigError, match=r"4,096 of 4,096 that are zero.*Initialise it"):
        stepped(0 * weight, GRADIENTS, zeros="reinitialise")


def test_a_gradient_that_never_came_moves_nothing():
    weight = weights()
    assert torch.equal(stepped(weight, [0 * weight] * 3, most=100.0), weight)


@pytest.mark.parametrize("bits", [10, 11, 12, 14, 16])
def test_at_one_code_a_step_the_quantized_update_is_the_float_one(bits):
    """lr = 1/γ_U with whole ĝ: every step ends on the grid."""
    plan, gamma = UpdatePlan(bits=bits), per_octave(bits)
    assert gamma == 2 ** (bits - 1) / 16
    weight = on_grid(weights(), plan, TOP)
    change = torch.randint(-10, 11, weight.shape, generator=torch.Generator().manual_seed(9)).double()
    free = weight.clone()
    multiply(free, change, 1 / gamma, TOP.double())
    inside = (free.abs() > TOP * 2**-15) & (free.abs() < TOP)
    assert inside.double().mean() > 0.99
    torch.testing.assert_close(on_grid(free, plan, TOP)[inside], free[inside], rtol=1e-12, atol=0)


def test_a_step_of_a_quarter_code_vanishes_unless_rounding_is_stochastic():
    weight = on_grid(weights(1 << 16), UpdatePlan(bits=10), TOP)
    free = weight.clone()
    multiply(free, torch.ones_like(free), 1 / 128, TOP.double())  # γ_U = 32: a quarter of a code
    assert torch.equal(on_grid(free, UpdatePlan(bits=10), TOP), weight)
    moved = on_grid(free, UpdatePlan(bits=10, rounding="stochastic"), TOP, draw=1) != weight
    assert moved.double().mean().item() == pytest.approx(0.25, abs=0.01)
