"""Widening and squeezing from a trained network to a small binary one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, Unpack

import numpy as np
from torch import Tensor, nn

from spareto.compression.compressing import compress, store
from spareto.compression.copies import Module
from spareto.compression.report import compression_report
from spareto.compression.widening.features import FeatureLoss, feature_names
from spareto.compression.widening.net2wider import widen
from spareto.compression.widening.slimming import Measure, scale_names, squeeze
from spareto.core.arguments import of_kind, path_of
from spareto.core.artifacts import fingerprint
from spareto.core.errors import ConfigError, Problem
from spareto.data.cache import content_hash
from spareto.data.load import FrameData
from spareto.hardware import cost, load_accelerator, workload_bops
from spareto.profiling import profile
from spareto.records import TrainingPlan, Workload
from spareto.records.widening import Budget, WideningPlan
from spareto.running import How, Interface, Runner, data_of, interface_of
from spareto.running.interface import options_of
from spareto.training import Listener, SilenceListener, train, warn_of_silence
from spareto.training.batches import samples_of_split

EXAMPLE, MEASURED, RETRIES = 2, 32, 3


@dataclass(frozen=True)
class Round:
    """One training of the network, and the cut before it.

    Args:
        channels: Output channels of each layer, by its name.
        allowed: What the network was cut to; None where nothing was cut.
        amount: Bit operations, or picojoules, that it takes after the training.
    """

    channels: dict[str, int]
    allowed: float | None
    amount: float


@dataclass(frozen=True)
class Squeezed(Generic[Module]):
    """What widening and squeezing made.

    Args:
        network: In evaluation mode, its weights as they are stored.
        rounds: The wide network first, then one entry a cut.
    """

    network: Module
    rounds: tuple[Round, ...]


def widen_and_squeeze(
    network: Module,
    plan: WideningPlan,
    data: Any,
    *,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    on_epoch: Listener | None = None,
    on_silence: SilenceListener = warn_of_silence,
    **how: Unpack[How],
) -> Squeezed[Module]:
    """A binary network that is as small as a budget asks, made of a wide one that followed a trained one.

    The trained network is widened and its copy made binary; that is trained on the labels and on the features
    of the trained network, which stays frozen, while its batch norms' scales are drawn to zero; then the
    channels of the smallest scales are cut out until the budget holds, and what is left is trained on. Spikes
    are the binary activations. With a multiplier of 1, no feature weight, no pull on the scales and no budget
    it is `compress_and_train`, to the bit.

    Args:
        network: The trained network; left untouched.
        plan: What to do.
        data: See `spareto.train`.
        seed: Decides noise, order, shifts and dropout.
        checkpoint: Where the state of each training is kept, `NAME.0.SUFFIX` of the wide network first.
        on_epoch: Called after every epoch.
        on_silence: See `spareto.train`.
        how: `time`, `output`, `vote` and `reset`, as in `spareto.Interface`, or `interface`, all in one.

    Raises:
        ConfigError: The plan does not fit the network, or the budget is less than one channel a layer takes.
        TrainingError: The loss is not finite.

    Reference:
        liu2020 (widening and squeezing): the idea. Its objective is not public; this one is ours.
    """
    _refuse_later_steps(of_kind(plan, WideningPlan, "plan", "a WideningPlan"))
    work = _Work(plan, data_of(data), seed, interface_of(**how), checkpoint, on_epoch, on_silence)
    return work.of(network)


class _Work:
    def __init__(
        self,
        plan: WideningPlan,
        data: FrameData,
        seed: int,
        interface: Interface,
        checkpoint: str | Path | None,
        on_epoch: Listener | None,
        on_silence: SilenceListener,
    ) -> None:
        self.plan, self.data, self.seed, self.interface = plan, data, seed, interface
        self.path = None if checkpoint is None else path_of(checkpoint, "checkpoint")
        self.told = {"on_epoch": on_epoch, "on_silence": on_silence}
        self.samples = samples_of_split(data)
        self.key = ""

    def of(self, network: Module) -> Squeezed[Module]:
        """Carry the plan out."""
        plan, example = self.plan, self.samples.batch(0, EXAMPLE)
        self.key = self._fingerprint(network)
        example = Runner(network, self.samples, self.interface).prepare(example)[0]
        wide = (
            network
            if plan.multiplier == 1
            else widen(network, plan.multiplier, example, noise=plan.noise, seed=self.seed)
        )
        small = compress(wide, plan.recipe, seed=self.seed)
        self._train_wide(small, network, example)
        measure = self._measure()
        rounds = [self._told(small, None, measure)]
        for allowed in _steps(rounds[0].amount, plan.budget, plan.rounds):
            small = self._cut(small, example, measure, allowed, rounds)
        if plan.budget is not None:
            small = self._hold(small, example, measure, plan.budget.at_most, rounds)
        store(small, plan.recipe)
        return Squeezed(small.eval(), tuple(rounds))

    def _cut(
        self, network: Module, example: Tensor, measure: Measure, allowed: float, rounds: list[Round]
    ) -> Module:
        """Cut to a budget and train on; the round is noted."""
        smaller = squeeze(network, example, measure, allowed)
        self._train(smaller, self.plan.fine_tuning, len(rounds))
        rounds.append(self._told(smaller, allowed, measure))
        return smaller

    def _hold(
        self, network: Module, example: Tensor, measure: Measure, at_most: float, rounds: list[Round]
    ) -> Module:
        """Cut again where training made the network take more, as more spikes do; the last time without."""
        allowed = at_most
        for _ in range(RETRIES):
            if rounds[-1].amount <= at_most:
                return network
            allowed *= at_most / rounds[-1].amount
            network = self._cut(network, example, measure, allowed, rounds)
        if rounds[-1].amount > at_most:
            network = squeeze(network, example, measure, at_most)
            rounds.append(self._told(network, at_most, measure))
        return network

    def _train_wide(self, wide: nn.Module, teacher: nn.Module, example: Tensor) -> None:
        plan = self.plan
        norms = scale_names(wide, example) if plan.scale_l1 else []
        pull = partial(_pull, norms, plan.scale_l1) if norms else None
        if not plan.feature_weight:
            self._train(wide, plan.recipe.training, 0, before_step=pull)
            return
        names = feature_names(teacher, plan.features)
        runner = Runner(teacher, self.samples, self.interface)
        features = FeatureLoss(runner, names, plan.feature_weight)
        with features.following(wide, self.samples.batch(0, EXAMPLE)):
            self._train(wide, plan.recipe.training, 0, before_step=pull, extra_loss=features)

    def _train(self, network: nn.Module, training: TrainingPlan, number: int, **more: Any) -> None:
        path = self.path and self.path.with_suffix(f".{number}{self.path.suffix}")
        options: dict[str, Any] = {**self.told, **more, "interface": self.interface}
        train(network, self.data, training, seed=self.seed, checkpoint=path, key=self.key, **options)

    def _fingerprint(self, teacher: nn.Module) -> str:
        """What every training of the plan follows from; a checkpoint of another one is refused."""
        weights = content_hash({name: value.cpu().numpy() for name, value in teacher.state_dict().items()})
        stated = {name: value for name, value in options_of(self.interface).items() if name != "reset"}
        return fingerprint([weights, self.plan.to_dict(), self.data.hash, self.seed, stated])

    def _measure(self) -> Measure:
        """What a network takes, at the activity of some training samples."""
        budget = self.plan.budget or Budget(at_most=1)
        chip = load_accelerator(budget.accelerator) if budget.metric == "energy" else None

        def measure(network: nn.Module) -> float:
            workload = self._workload(network)
            if chip is None:
                return workload_bops(workload)
            return cost(workload, chip).energy_pj

        return measure

    def _workload(self, network: nn.Module) -> Workload:
        axis = self.samples.axis
        count = min(MEASURED, self.samples.count)
        labels = self.samples.labels
        frames = self.samples.frames.narrow(axis, 0, count)
        known = None if labels is None else np.asarray(labels[:count])
        layout = self.samples.layout
        return profile(network, frames, known, interface=self.interface, layout=layout).workload

    def _told(self, network: nn.Module, allowed: float | None, measure: Measure) -> Round:
        channels = {layer.name: layer.shape[0] for layer in compression_report(network)}
        return Round(channels, allowed, measure(network))


def _steps(start: float, budget: Budget | None, rounds: int) -> list[float]:
    """Budgets on the way, in equal ratios; none where it holds already."""
    if budget is None or start <= budget.at_most:
        return []
    ratio = budget.at_most / start
    return [*(start * ratio ** (step / rounds) for step in range(1, rounds)), budget.at_most]


def _pull(norms: list[str], weight: float, network: nn.Module, step: int, steps: int) -> None:
    """Add the gradient of `weight` times the sum of the scales' magnitudes."""
    for name in norms:
        scale = network.get_submodule(name).get_parameter("weight")
        if scale.grad is not None:
            scale.grad.add_(scale.detach().sign(), alpha=weight)


def _refuse_later_steps(plan: WideningPlan) -> None:
    ConfigError.if_any(
        Problem(f"plan.recipe.steps[{place}].start", f"{step.start:g}", "0: in force from the beginning")
        for place, step in enumerate(plan.recipe.steps)
        if step.start
    )
