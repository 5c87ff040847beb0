"""Losses on voted firing rates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from spareto.records import TrainingPlan

Loss = Callable[[Tensor, Tensor], Tensor]


def mse_vote(rates: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean squared distance between voted rates and the one-hot target.

    Args:
        rates: Shape `(batch, classes)`, 0..1.
        labels: Shape `(batch,)`.
        label_smoothing: Share of the target spread evenly over all classes.

    Reference:
        fang2021; schaefer2023.
    """
    target = F.one_hot(labels, rates.shape[1]).to(rates.dtype)
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / rates.shape[1]
    return F.mse_loss(rates, target)


def cross_entropy_rate(rates: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy with voted rates as logits; arguments as in `mse_vote`."""
    return F.cross_entropy(rates, labels, label_smoothing=label_smoothing)


def cross_entropy_time(votes: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean over timesteps of the cross-entropy with that timestep's votes as logits.

    Args:
        votes: Shape `(time, batch, classes)`.
        labels: Shape `(batch,)`.
        label_smoothing: See `mse_vote`.

    Reference:
        wei2024 (Q-SNN), equation 16, its first term.
    """
    every = labels.expand(len(votes), -1).flatten()
    return F.cross_entropy(votes.flatten(0, 1).float(), every, label_smoothing=label_smoothing)


def spike_count(rates: Tensor, labels: Tensor, right: float = 0.8, others: float = 0.05) -> Tensor:
    """Half the squared distance between spike counts and the counts asked for, summed over classes.

    Counts are taken per timestep, so that the loss does not grow with T.

    Args:
        rates: Shape `(batch, classes)`, 0..1.
        labels: Shape `(batch,)`.
        right: Firing rate asked of the right class.
        others: Firing rate asked of every other class.

    Reference:
        shrestha2018, the loss on the number of spikes.
    """
    target = F.one_hot(labels, rates.shape[1]).to(rates.dtype) * (right - others) + others
    return 0.5 * (rates - target).square().sum(1).mean()


def takes_rates(plan: TrainingPlan) -> bool:
    """Whether the loss of a plan compares firing rates 0..1, which a sum over timesteps is not."""
    return plan.loss in ("mse_vote", "spike_count")


def make_loss(plan: TrainingPlan) -> Loss:
    """The loss a plan asks for: `(rates, labels)` to a scalar, the mean over the batch.

    Rates say nothing of single timesteps: `cross_entropy_time` is that of the mean over them.
    """
    match plan.loss:
        case "mse_vote":
            return partial(mse_vote, label_smoothing=plan.label_smoothing)
        case "cross_entropy_rate" | "cross_entropy_time":
            return partial(cross_entropy_rate, label_smoothing=plan.label_smoothing)
        case "spike_count":
            right, others = plan.target_rates
            return partial(spike_count, right=right, others=others)
