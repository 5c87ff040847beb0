"""One optimizer step: forward, loss, backward, update."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spareto.core.errors import ConfigError, Problem, TrainingError
from spareto.kernels import options
from spareto.records import TrainingPlan
from spareto.running import Runner
from spareto.running.states import RESET_CURE
from spareto.training.batches import Batch
from spareto.training.health import first_non_finite
from spareto.training.listening import BeforeStep, ExtraLoss
from spareto.training.logarithmic import LogarithmicLayers, round_gradients
from spareto.training.losses import cross_entropy_time, make_loss, takes_rates
from spareto.training.optimizers import Parameters
from spareto.training.processes import Processes
from spareto.training.rates import LayersSeen


@dataclass(frozen=True)
class Place:
    """Where in its training a step stands.

    Args:
        epoch: Epochs behind it.
        batch: Batches of the epoch behind it.
        batches: Batches of an epoch.
        epochs: Epochs in all.
    """

    epoch: int
    batch: int
    batches: int
    epochs: int

    @property
    def step(self) -> int:
        """Steps behind it, over all epochs."""
        return self.epoch * self.batches + self.batch

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.epochs * self.batches

    def __str__(self) -> str:
        return f"training, epoch {self.epoch + 1}, step {self.batch + 1}"


class Stepper:
    """Trains a network on one batch after the other.

    Args:
        runner: The network, in training mode, and how it is run.
        plan: Loss, precision, clipping.
        processes: The processes that share each batch.
        before_step: Called before each optimizer step.
        extra_loss: A term added to the loss.
        classes: Every label lies below it.
    """

    def __init__(
        self,
        runner: Runner,
        plan: TrainingPlan,
        processes: Processes,
        before_step: BeforeStep | None,
        extra_loss: ExtraLoss | None,
        classes: int,
    ) -> None:
        self.runner, self.network = runner, runner.network
        self.plan, self.processes, self.before_step = plan, processes, before_step
        self.extra_loss, self.classes = extra_loss, classes
        self.loss = make_loss(plan)

    def __call__(self, batch: Batch, optimizer: torch.optim.Optimizer, place: Place) -> float:
        """Take one step.

        Returns:
            Mean loss of the whole batch.

        Raises:
            ConfigError: The network's output is no rate a class and sample.
            TrainingError: The loss or the gradient is not finite.
        """
        loss = self._forward(batch) * self.processes.weight(batch.samples)
        value = self.processes.sum(loss.item())
        if not math.isfinite(value):
            raise self._diverged(batch, value, place)
        optimizer.zero_grad(set_to_none=True)
        _backward(loss)
        self.processes.sum_gradients(self.network)
        if self.plan.logarithmic is not None:
            round_gradients(Parameters.of(self.network).weights.values(), self.plan.logarithmic)
        self._clip(place)
        if self.before_step is not None:
            self.before_step(self.network, place.step, place.steps)
        optimizer.step()
        return value

    def _forward(self, batch: Batch) -> Tensor:
        narrow = self.plan.precision == "bfloat16"
        gradient = self.plan.precision == "bfloat16_gradient" or None  # None leaves the caller's choice
        with (
            options(bfloat16=gradient, recompute=self.plan.recompute or None),
            torch.autocast(batch.frames.device.type, dtype=torch.bfloat16, enabled=narrow),
        ):
            rated, seen = takes_rates(self.plan), LayersSeen(self.network)
            with self._logarithmic(), seen if self._looks_inside else nullcontext():
                rates = self.runner.answers(batch.frames, len(batch.labels), rates=rated)
            extra = self.extra_loss(self.network, batch.frames) if self.extra_loss is not None else None
        self._check_rates(rates, len(batch.labels))
        loss = self._loss(rates, seen, batch.labels)
        if batch.others is not None:
            loss = batch.kept * loss + (1 - batch.kept) * self._loss(rates, seen, batch.others)
        if self.plan.rate_weight:
            loss = loss + self.plan.rate_weight * seen.distance(self.plan.rate_target)
        loss = loss + self._penalty()
        return loss if extra is None else loss + extra

    def _loss(self, rates: Tensor, seen: LayersSeen, labels: Tensor) -> Tensor:
        """The plan's loss; that over time needs the votes of every timestep."""
        if self.plan.loss == "cross_entropy_time":
            return cross_entropy_time(seen.votes(rates), labels, self.plan.label_smoothing)
        return self.loss(rates.float(), labels)

    def _logarithmic(self) -> AbstractContextManager[object]:
        plan = self.plan.logarithmic
        return nullcontext() if plan is None else LogarithmicLayers(self.network, plan)

    @property
    def _looks_inside(self) -> bool:
        """Whether the loss depends on more than the answer."""
        return self.plan.loss == "cross_entropy_time" or self.plan.rate_weight > 0

    def _penalty(self) -> Tensor | float:
        """What the size of the weights adds to the loss."""
        if not self.plan.l1:
            return 0.0
        weights = Parameters.of(self.network).weights.values()
        return self.plan.l1 * torch.stack([weight.abs().sum() for weight in weights]).sum()

    def _check_rates(self, rates: Tensor, samples: int) -> None:
        shape = tuple(rates.shape)
        if len(shape) != 2 or shape[0] != samples or shape[1] < self.classes:
            got, rule = f"an output of shape {shape}", f"rates of shape ({samples}, {self.classes}) or wider"
            cure = "Build it with as many classes as the labels name, samples first."
            raise ConfigError(Problem("network", got, rule, cure))

    def _clip(self, place: Place) -> None:
        if self.plan.clip_norm is None:
            return
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip_norm)
        if not bool(torch.isfinite(norm)):
            raise TrainingError(str(diverged(str(place), f"a gradient of norm {norm.item():g}", self.plan)))

    def _diverged(self, batch: Batch, loss: float, place: Place) -> TrainingError:
        where = first_non_finite(self.network, batch.frames, self.runner.run)
        got = f"a loss of {loss:g}" + (f", first in {where}" if where else "")
        return TrainingError(str(diverged(str(place), got, self.plan)))


def _backward(loss: Tensor) -> None:
    """The gradients of a loss.

    Raises:
        ConfigError: The graph hangs together with that of the batch before: a state was not reset. Or nothing
            that trains leads to the loss.
    """
    if not loss.requires_grad:
        got, rule = "an answer without a gradient", "one that depends on weights that train"
        cure = "Call requires_grad_() on some, and give spikes a surrogate gradient."
        raise ConfigError(Problem("network", got, rule, cure))
    try:
        loss.backward()
    except RuntimeError as error:
        if "backward through the graph a second time" not in str(error):
            raise
        got, rule = (
            "a state that was not reset since the last step",
            "states that are reset before every batch",
        )
        raise ConfigError(Problem("network", got, rule, RESET_CURE)) from None


def diverged(where: str, got: str, plan: TrainingPlan) -> Problem:
    """What is said of a training whose numbers are not finite any more."""
    return Problem(
        where, got, "a finite number", f"Lower training.learning_rate (now {plan.learning_rate:g})."
    )
