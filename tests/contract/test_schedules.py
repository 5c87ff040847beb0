"""Every registered pruning schedule keeps the laws, with every pruner it fits."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from spareto.core.errors import ConfigError
from spareto.pruners import registry as pruners
from spareto.pruners.schedules import exchange, registry
from spareto.testing import schedules as laws

TARGETS = (0.0, 0.3, 0.8, 0.95)


def made(name):
    return registry.get(name).parse({}, "schedule")


def weights():
    generator = torch.Generator().manual_seed(0)
    return {
        "conv": torch.randn(4, 8, 3, 3, generator=generator),
        "dense": torch.randn(6, 20, generator=generator),
    }


@pytest.fixture(params=registry.names())
def name(request):
    return request.param


@pytest.mark.parametrize("name", registry.names())
@given(steps=st.integers(1, 500), target=st.floats(0, 0.99))
@example(steps=3, target=9.284839497289896e-17)
def test_updates_lead_to_the_target(name, steps, target):
    laws.check_updates(made(name), steps, target)


@pytest.mark.parametrize("pruner", pruners.names())
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("steps", [1, 40])
def test_masks_end_at_the_target(name, pruner, steps, target):
    laws.check_masks(made(name), pruner, weights(), steps, target)


def test_gradual_is_the_cubic():
    gradual = registry.get("gradual").parse({"end": 0.5, "rounds": 4}, "schedule")
    updates = gradual.updates(80, 0.8)
    assert [update.step for update in updates] == [0, 10, 20, 30, 40]
    expected = [0.8 * (1 - (1 - t) ** 3) for t in (0, 0.25, 0.5, 0.75, 1)]
    assert [update.sparsity for update in updates] == pytest.approx(expected)


def test_the_lottery_removes_the_same_share_of_what_is_left():
    lottery = registry.get("lottery_ticket").parse({"rounds": 3}, "schedule")
    updates = lottery.updates(12, 0.488)
    assert [update.step for update in updates] == [0, 3, 6, 9]
    assert [update.sparsity for update in updates] == pytest.approx([0, 0.2, 0.36, 0.488])


@pytest.mark.parametrize("name", ["set", "rigl"])
def test_exchanges_fade(name):
    shares = [update.exchange for update in made(name).updates(1000, 0.9)][1:]
    assert len(shares) == 20
    assert shares == sorted(shares, reverse=True)
    assert 0.3 > shares[0] > 0.29
    assert shares[-1] < 0.01


def test_the_smallest_go_and_the_best_come():
    mask = torch.tensor([True, True, True, True, False, False, False])
    weight = torch.tensor([4.0, -1.0, 0.5, 3.0, 9.0, 9.0, 9.0])
    after, grown = exchange(mask, weight, torch.tensor([9.0, 9.0, 9.0, 9.0, 1.0, 3.0, 2.0]), 0.5)
    assert after.int().tolist() == [1, 0, 0, 1, 0, 1, 1]
    assert grown.int().tolist() == [0, 0, 0, 0, 0, 1, 1]


def test_no_more_go_than_can_come_back():
    mask = torch.tensor([True, True, True, False])
    after, _ = exchange(mask, torch.tensor([1.0, 2.0, 3.0, 0.0]), torch.zeros(4), 0.9)
    assert after.tolist() == [False, True, True, True]


def test_every_wrong_option_at_once():
    with pytest.raises(ConfigError) as error:
        registry.get("gradual").parse({"end": 2, "rounds": 0, "each": 1}, "schedule.options")
    assert str(error.value).splitlines() == [
        "schedule.options.end: got 2; expected a share of the training above 0 and at most 1.",
        "schedule.options.rounds: got 0; expected an integer of at least 1, at most 1e6.",
        "schedule.options.each: got an unknown key; expected one of end, rounds.",
    ]


def test_the_schedules_of_the_literature_are_registered():
    assert {"one_shot", "gradual", "lottery_ticket", "set", "rigl"} <= set(registry.names())
