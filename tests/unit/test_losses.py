"""Losses against their closed forms."""

import math

import pytest
import torch

from spareto.records import TrainingPlan
from spareto.training.losses import make_loss

RATES = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3]])
LABELS = torch.tensor([0, 2])


def loss(**options):
    return make_loss(TrainingPlan(**options))(RATES, LABELS).item()


def test_mse_of_a_vote_is_the_mean_squared_distance_from_one_hot():
    expected = (0.1**2 + 0.1**2 + 0.2**2 + 0.5**2 + 0.7**2) / 6
    assert loss() == pytest.approx(expected)


def test_smoothing_moves_a_share_of_the_target_to_all_classes():
    right, others = 0.7 + 0.1, 0.1
    squares = [(0.9 - right) ** 2, (0.1 - others) ** 2, (0.0 - others) ** 2]
    squares += [(0.2 - others) ** 2, (0.5 - others) ** 2, (0.3 - right) ** 2]
    assert loss(label_smoothing=0.3) == pytest.approx(sum(squares) / 6)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_takes_rates_as_logits(smoothing):
    expected = 0.0
    for rates, label in zip(RATES.tolist(), LABELS.tolist(), strict=True):
        total = sum(map(math.exp, rates))
        for index, rate in enumerate(rates):
            share = smoothing / 3 + (1 - smoothing) * (index == label)
            expected -= share * math.log(math.exp(rate) / total) / 2
    assert loss(loss="cross_entropy_rate", label_smoothing=smoothing) == pytest.approx(expected)


def test_spike_counts_are_compared_with_the_rates_asked_for():
    first = (0.9 - 0.6) ** 2 + (0.1 - 0.2) ** 2 + (0.0 - 0.2) ** 2
    second = (0.2 - 0.2) ** 2 + (0.5 - 0.2) ** 2 + (0.3 - 0.6) ** 2
    expected = 0.5 * (first + second) / 2
    assert loss(loss="spike_count", target_rates=(0.6, 0.2)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["mse_vote", "spike_count"])
def test_a_perfect_answer_costs_nothing(name):
    plan = TrainingPlan(loss=name, target_rates=(1.0, 0.0))
    perfect = torch.nn.functional.one_hot(LABELS, 3).float()
    assert make_loss(plan)(perfect, LABELS).item() == 0.0
