"""What the rules of local learning promise, in closed form."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spareto.core.errors import ConfigError, ShapeError, UnknownName
from spareto.kernels.local import COUNTS
from spareto.plasticity import LocalNetwork, accounting, assign, reference
from spareto.plasticity.coding import keys, limits, scaled, spikes
from spareto.plasticity.constants import constants
from spareto.plasticity.variants import load_plan, names
from spareto.records.plasticity import Coding, FixedPoint, PlasticityPlan

BRIGHT = {"coding": {"duration_ms": 100, "frequency_hz": 700.0, "size": None}}
LATERAL = {"inhibition": {"kind": "lateral", "strength_mv": 20.0}}


def images(count, side=6, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.integers(60, 256, (count, 1, side, side)) * (rng.random((count, 1, side, side)) < 0.6)
    ).astype(np.uint8)


def learnt(plan, neurons=12, count=20):
    """A network after some images, their spikes, and counts by name."""
    network = LocalNetwork.for_images(plan, images(1), neurons, seed=0)
    found, counts = network.learn(images(count), np.arange(count), 0)
    return network, found, dict(zip(COUNTS, counts.T, strict=True))


@pytest.mark.parametrize("variant", names())
def test_weights_stay_from_0_to_1_and_columns_that_changed_keep_their_sum(variant):
    plan = load_plan(variant, BRIGHT, {"fixed_point": None})
    network, found, _ = learnt(plan)
    assert network.weight.min() >= 0
    assert network.weight.max() <= 1
    changed = found.sum(0) > 0
    assert changed.any()
    sums = network.weight.double().sum(0).numpy()[changed]
    np.testing.assert_allclose(sums, 0.1 * 36, rtol=1e-6)


def test_the_published_sum_is_that_of_784_pixels():
    assert constants(PlasticityPlan(), 784, 4).norm == pytest.approx(78.4)


def test_weights_change_once_a_window_at_most_or_at_every_spike():
    window = load_plan("windowed", BRIGHT)
    _, _, counts = learnt(window)
    assert (counts["updates"] <= 100 // window.learning.window_ms).all()
    _, found, counts = learnt(load_plan("diehl_cook", BRIGHT))
    np.testing.assert_array_equal(counts["updates"], counts["inputs"] + found.sum(1))


def test_a_threshold_rises_by_its_step_a_spike():
    quiet = {"excitatory": {"one_spike": False, "offset_tau_ms": 1e9, "offset_mv": 0.25}}
    network, found, _ = learnt(load_plan("diehl_cook", BRIGHT, quiet))
    np.testing.assert_array_equal(network.theta.numpy(), 0.25 * found.sum(0))


def test_direct_inhibition_acts_one_timestep_earlier_and_needs_no_second_population():
    """The first spike falls alike; then the inhibitory neuron's own timestep lies between."""
    both = [load_plan("diehl_cook", BRIGHT), load_plan("lateral", BRIGHT)]
    firsts = []
    for plan in both:
        for duration in range(1, 100):
            shorter = plan.replace(coding=plan.coding.replace(duration_ms=duration))
            found, _ = LocalNetwork.for_images(shorter, images(1), 12, 0).watch(images(1), np.arange(1), 0)
            if found.any():
                firsts.append((duration, found.argmax()))
                break
    assert firsts[0] == firsts[1]
    bits = [accounting.memory_bits(plan, 784, 400) for plan in both]
    assert bits[0]["inhibitory_neurons"] > 0 == bits[1]["inhibitory_neurons"]


def test_an_inhibitory_neuron_answers_each_spike_of_its_own_one():
    _, found, counts = learnt(load_plan("diehl_cook", BRIGHT))
    assert found.sum() > 20
    late = found.sum(1) - counts["inner_spikes"]  # a spike in the last timestep is answered after the end
    assert ((late >= 0) & (late <= 1)).all()


def test_strong_inhibition_leaves_fewer_winners_than_none():
    all_of_them = {"excitatory": {"one_spike": False}}
    plans = [
        load_plan("lateral", BRIGHT, all_of_them, {"inhibition": {"strength_mv": mv}}) for mv in (0.0, 200.0)
    ]
    free, held = ((learnt(plan)[1] > 0).sum() for plan in plans)
    assert held < free


@given(st.floats(-600, 600), st.integers(1, 9), st.integers(0, 10))
def test_a_number_in_qi_f_is_off_by_half_a_step_at_most(x, integer, fraction):
    c = constants(PlasticityPlan(fixed_point=FixedPoint(states="Q7.8")), 4, 2)
    formats = FixedPoint(states=f"Q{integer}.{fraction}")
    high, step = formats.highest("states"), formats.step("states")
    c.k[-3:] = torch.tensor([1 / step, -high - step, high])
    kept = reference.state(torch.tensor([x]), c)
    if -high - step <= x <= high:
        assert abs(kept.item() - np.float32(x)) <= 2.0 ** -(fraction + 1)
    assert torch.equal(reference.state(kept, c), kept)
    assert float(kept / step).is_integer()


def test_pixels_spike_as_often_as_they_are_bright():
    coding = Coding(duration_ms=2000, frequency_hz=200.0, size=None)
    pixels = np.array([[0, 51, 128, 255]], np.uint8)
    limit, key = limits(pixels, coding)[0], keys(3, 0, np.arange(1))[0]
    counts = np.zeros(4)
    for t in range(2000):
        counts[spikes(limit, key, t).numpy()] += 1
    chance = pixels[0] / 255 * 0.2
    spread = np.sqrt(2000 * chance * (1 - chance))
    assert (abs(counts - 2000 * chance) <= 4 * spread).all()


def test_other_seeds_stages_and_images_draw_other_numbers():
    made = [keys(seed, stage, np.arange(1000)) for seed in (0, 1) for stage in (0, 1, 2)]
    assert len({tuple(key) for each in made for key in each.tolist()}) == 6000


def test_scaling_keeps_a_flat_image_flat_and_grey_values_in_range():
    flat = scaled(np.full((2, 3, 8, 8), 77, np.uint8), 28)
    assert flat.shape == (2, 28, 28)
    assert (flat == 77).all()
    assert scaled(images(1), None).shape == (1, 6, 6)


def test_classes_come_from_mean_spikes_of_labelled_images():
    found = np.array([[4, 0, 1, 0], [2, 0, 1, 0], [0, 9, 1, 0]])
    classes = assign(found, np.array([0, 0, 1]), 3)
    assert classes.of_neuron.tolist() == [0, 1, 0, -1]
    np.testing.assert_allclose(classes.proportions[2], [0.5, 0.5, 0])
    assert classes.decide(np.array([[0, 5, 0, 0], [3, 1, 0, 0]]), "all").tolist() == [1, 0]
    assert classes.decide(np.array([[0, 1, 4, 0]]), "all").tolist() == [
        0
    ]  # 4 spikes of 2 neurons beat 1 of 1
    assert classes.decide(np.array([[0, 1, 4, 0]]), "proportion").tolist() == [1]  # 3 against 2


def test_images_of_another_size_are_refused():
    network = LocalNetwork.for_images(load_plan("lateral", BRIGHT), images(1), 3, 0)
    with pytest.raises(ShapeError, match="49 pixels an image"):
        network.learn(images(1, side=7), np.arange(1), 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning": {"window_ms": 7}}, "a divisor of duration_ms"),
        ({"learning": {"spike_threshold": 4}}, "the factor belongs to windows"),
        ({"fixed_point": {"states": "Q6.3"}}, "from -64 to 63.875, which Q6.3 holds"),
        ({"fixed_point": {"weights": "8 bit"}}, "a format Qi.f such as Q1.7"),
        ({"fixed_point": {"weights": "Q12.12"}}, "with i \\+ f from 1 to 21"),
        ({"fixed_point": {"states": "Q0.8"}}, "at least one integer bit"),
        ({"inhibition": {"kind": "none"}}, "population"),
        ({"learning": {"post_rat": 0.1}}, "post_rate"),
    ],
)
def test_plans_that_do_not_fit_together_are_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        load_plan("diehl_cook", changes)


def test_an_unknown_variant_is_told_its_neighbours():
    with pytest.raises(UnknownName, match="Did you mean 'fspinn'"):
        load_plan("fspin")


def test_accounting_of_4900_neurons_by_hand():
    plans = [load_plan(name) for name in ("diehl_cook", "fspinn")]
    first, last = (accounting.memory_bits(plan, 784, 4900) for plan in plans)
    assert first["weights"] == 4 * last["weights"] == 3_841_600 * 32
    assert last["inhibition_stored"] == 24_005_100 * 8
    assert first["inhibition_stored"] == (24_005_100 + 4900) * 32
    assert accounting.total_bits(first) == sum(first.values()) - first["inhibition_stored"]
    counts = dict.fromkeys(COUNTS, 0.0) | {"inputs": 10.0, "spikes": 2.0, "inner_spikes": 2.0}
    done = [
        accounting.operations(load_plan(name), 784, 4900, counts, learns=True)
        for name in ("diehl_cook", "fspinn")
    ]
    assert done[0]["neuron_updates"] == 2 * done[1]["neuron_updates"] == 2 * 250 * 4900
    assert done[0]["weights_written_densely"] == 20 * done[1]["weights_written_densely"]
    energies = [sum(accounting.energy_pj(*each).values()) for each in zip(plans, done, strict=True)]
    assert energies[0] > energies[1] > 0
