"""The kernel of local learning and plain torch give the same bits, whatever the plan."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from spareto.core.errors import ConfigError
from spareto.kernels import local
from spareto.kernels.library import backend
from spareto.plasticity import reference
from spareto.plasticity.coding import keys, limits
from spareto.plasticity.constants import constants
from spareto.records.plasticity import PlasticityPlan

pytestmark = pytest.mark.skipif(backend() != "c", reason="the C kernels cannot be used here")

BRIGHT = {"duration_ms": 40, "frequency_hz": 700.0, "size": None}
LATERAL = {"kind": "lateral", "strength_mv": 20.0}
WINDOW = {"window_ms": 10, "spike_threshold": 2}
PLANS = {
    "baseline": {},
    "all spikes": {"excitatory": {"one_spike": False}},
    "no rest": {"excitatory": {"refractory_ms": 0}, "inhibition": {"kind": "population", "refractory_ms": 0}},
    "lateral": {"inhibition": LATERAL},
    "windows": {"inhibition": LATERAL, "learning": WINDOW},
    "active": {"inhibition": LATERAL, "learning": WINDOW | {"depresses": "active"}},
    "no depression": {"inhibition": LATERAL, "learning": WINDOW | {"pre_rate": 0.0}},
    "strong depression": {"learning": WINDOW | {"pre_rate": 0.02, "spike_threshold": 0}},
    "sums left": {"learning": {"norm_share": 0.0, "post_rate": 0.3}},
    "fixed point": {"inhibition": LATERAL, "learning": WINDOW, "fixed_point": {}},
    "coarse": {"fixed_point": {"weights": "Q0.4", "states": "Q7.3"}},
    "coarse windows": {"learning": WINDOW, "fixed_point": {"weights": "Q1.6", "states": "Q8.10"}},
}  # fmt: skip


def made(plan, pixels, neurons, samples=3, seed=0):
    """Limits, keys, weights, offsets and constants."""
    rng = np.random.default_rng(seed)
    images = (rng.integers(0, 256, (samples, pixels)) * (rng.random((samples, pixels)) < 0.7)).astype(
        np.uint8
    )
    c = constants(plan, pixels, neurons)
    weight = reference.weights(torch.from_numpy(rng.random((pixels, neurons), np.float32)), c)
    return limits(images, plan.coding), keys(seed, 0, np.arange(samples)), weight, torch.zeros(neurons), c


def both(plan, pixels, neurons, *, learns, samples=3):
    """What kernel and twin make of the same: results, weights, offsets."""
    limit, key, weight, theta, c = made(plan, pixels, neurons, samples)
    copies = weight.clone(), theta.clone()
    fast = local.run(limit, key, weight, theta, c.k, c.shape, learns=learns, threads=2)
    slow = reference.run(limit, key, *copies, c, learns=learns)
    return (*fast, weight, theta), (*slow, *copies)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("learns", [True, False])
def test_the_kernel_gives_the_bits_of_plain_torch(name, learns):
    plan = PlasticityPlan.parse({"coding": BRIGHT, **PLANS[name]}, "plan")
    for neurons in (1, 37) if learns else (7,):
        fast, slow = both(plan, 30, neurons, learns=learns, samples=2)
        assert fast[0].sum() > 3, "a silent network shows nothing"
        for one, other in zip(fast, slow, strict=True):
            assert torch.equal(one, other)


def test_a_matrix_product_rounds_otherwise_and_hardly_differs():
    plan = PlasticityPlan.parse({"coding": BRIGHT}, "plan")
    limit, key, weight, theta, c = made(plan, 40, 7)
    copies = weight.clone(), theta.clone()
    spikes, _ = reference.run(limit, key, weight, theta, c, learns=True)
    others, _ = reference.run(limit, key, *copies, c, learns=True, sums="product")
    assert (spikes - others).abs().sum() <= 2
    assert torch.allclose(weight, copies[0], atol=0.05)


def test_samples_do_not_know_of_each_other_where_nothing_is_learnt():
    plan = PlasticityPlan.parse({"coding": BRIGHT, "excitatory": {"one_spike": False}}, "plan")
    limit, key, weight, theta, c = made(plan, 40, 37, samples=9)
    together, counts = local.run(limit, key, weight, theta, c.k, c.shape, learns=False, threads=3)
    for n in range(9):
        alone = local.run(limit[n : n + 1], key[n : n + 1], weight, theta, c.k, c.shape, learns=False)
        assert torch.equal(together[n], alone[0][0])
        assert torch.equal(counts[n], alone[1][0])


def test_a_longer_presentation_begins_like_a_shorter_one():
    totals = []
    for duration in range(10, 41, 10):
        plan = PlasticityPlan.parse({"coding": BRIGHT | {"duration_ms": duration}}, "plan")
        limit, key, weight, theta, c = made(plan, 40, 37)
        totals.append(local.run(limit, key, weight, theta, c.k, c.shape, learns=False)[0])
    assert all((after >= before).all() for before, after in pairwise(totals))


def test_sizes_without_an_end_are_refused_unread():
    plan = PlasticityPlan()
    limit, key, weight, theta, c = made(plan, 4, 3)
    for place, value in (("N", 2**40), ("M", -1), ("T", 2**40), ("N", -3), ("M", 2**31)):
        shape = c.shape.clone()
        shape[local.SHAPE.index(place)] = value
        with pytest.raises(ConfigError):
            local.run(limit, key, weight, theta, c.k, shape, learns=True)


def test_no_sample_and_no_neuron_are_no_fault():
    plan = PlasticityPlan()
    limit, key, weight, theta, c = made(plan, 4, 3)
    assert local.run(limit[:0], key[:0], weight, theta, c.k, c.shape, learns=True)[0].shape == (0, 3)
    limit, key, weight, theta, c = made(plan, 4, 0)
    assert local.run(limit, key, weight, theta, c.k, c.shape, learns=True)[0].shape == (3, 0)
