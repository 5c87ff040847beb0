"""One training: its epochs, its checkpoints, how it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spareto.core.artifacts import anything_there, fingerprint
from spareto.core.errors import ConfigError, Problem, StoreError, TrainingError
from spareto.core.versions import versions
from spareto.data.load import FrameData
from spareto.observing import undisturbed
from spareto.records import TrainingPlan
from spareto.running import Interface, Runner
from spareto.running.interface import options_of
from spareto.training.batches import Batches, device_of, samples_of_split
from spareto.training.checkpoint import StoredFile, best_path, read, save_checkpoint, take
from spareto.training.evaluation import accuracy_of, count_correct
from spareto.training.final import Average, Best
from spareto.training.health import first_non_finite, silence, silent_layers
from spareto.training.listening import (
    BeforeEpoch,
    BeforeStep,
    EpochReport,
    ExtraLoss,
    Listener,
    SilenceListener,
)
from spareto.training.optimizer import make_optimizer, optimizer_of, set_learning_rate
from spareto.training.processes import Processes
from spareto.training.schedule import Phase
from spareto.training.step import Place, Stepper, diverged


def _key(data: FrameData, plan: TrainingPlan, seed: int, interface: Interface) -> str:
    """Fingerprint of what a training depends on beside its network."""
    stated = {name: value for name, value in options_of(interface).items() if name != "reset"}
    return fingerprint([data.hash, plan.hash, seed, *([stated] if stated else [])])


def _refuse_lonely(runner: Runner, what: str) -> None:
    """Refuse a batch of one sample where a batch norm wants more.

    Raises:
        ConfigError: It does.
    """
    try:
        with undisturbed(runner.network, training=True), torch.no_grad():
            runner.run(runner.samples.batch(0, 1))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        got, rule = f"{what} of one sample", "at least two, for a batch norm"
        cure = "Choose another training.batch_size."
        raise ConfigError(Problem("training.batch_size", got, rule, cure)) from None


class TrainingRun:
    """One call of `train`: what stays the same over its epochs.

    Args:
        network: The network, trained in place.
        data: Training frames and labels.
        plan: How to train.
        seed: Decides order, augmentation and dropout.
        checkpoint: Where the state is kept.
        key: Fingerprint of everything the run depends on; left out, of data, plan and seed.
        on_epoch: Called after every epoch, in the leading process.
        on_silence: Called, in the leading process, once for every layer found without a spike.
        before_step: Called before each optimizer step.
        before_epoch: Called before each epoch.
        extra_loss: A term added to the loss of each batch.
        processes: The processes that train together.
        interface: What is stated of how the network is run.
    """

    def __init__(
        self,
        network: nn.Module,
        data: FrameData,
        plan: TrainingPlan,
        seed: int,
        checkpoint: Path | None,
        key: str,
        on_epoch: Listener | None,
        on_silence: SilenceListener,
        before_step: BeforeStep | None,
        before_epoch: BeforeEpoch | None,
        extra_loss: ExtraLoss | None,
        processes: Processes,
        interface: Interface,
    ) -> None:
        self.network, self.data, self.plan, self.seed, self.processes = network, data, plan, seed, processes
        self.checkpoint, self.on_epoch, self.on_silence = checkpoint, on_epoch, on_silence
        self.interface, self.before_epoch = interface, before_epoch
        self.key = key or _key(data, plan, seed, interface)
        optimizer_of(plan)  # refused before anything is read
        self.batches = Batches(data, plan, seed, processes, device_of(network))
        if plan.epochs and not self.batches.samples:
            got = f"{plan.validation_share:g} of {len(data.train_labels)} samples"
            raise ConfigError(
                Problem("training.validation_share", got, "a share that leaves one to train on")
            )
        self.data = self.batches.data
        self.runner = Runner(network, samples_of_split(self.data), interface)
        self.runner.check_answer()
        if plan.batch_size == 1 or self.batches.samples % plan.batch_size == 1:
            _refuse_lonely(self.runner, "batches" if plan.batch_size == 1 else "a last batch")
        classes = 1 + int(self.data.train_labels.max())
        self.stepper = Stepper(self.runner, plan, processes, before_step, extra_loss, classes)
        self.best = Best(checkpoint and best_path(checkpoint), keep=plan.keep == "best")
        self.average = Average()
        self._known_silent: set[str] = set()
        self._curve: list[dict[str, float | None]] = []
        self._found: StoredFile | None = None
        self.epochs, self.finished = self._resumable()

    def phase(self, phase: Phase) -> None:
        """Train the epochs of a phase that are not done yet, with an optimizer of its own."""
        self.processes.start_alike(self.network)
        optimizer = make_optimizer(self.network, self.plan)
        if self.epochs > phase.first:
            self.reload(optimizer)
        last = phase.end == self.plan.epochs
        while self.epochs < phase.end and not (last and self._waited_long_enough()):
            started = time.perf_counter()
            loss, rate = self._epoch(phase, optimizer)
            accuracy = self._validate()
            point = {"epoch": self.epochs, "loss": loss, "learning_rate": rate, "accuracy": accuracy}
            self._curve.append(point)
            if last:
                self._choose(accuracy)
            self._save(optimizer)
            if self.on_epoch is not None and self.processes.leads:
                seconds = time.perf_counter() - started
                ends = last and (self.epochs == phase.end or self._waited_long_enough())
                self.on_epoch(EpochReport(self.epochs, self.plan.epochs, loss, seconds, rate, accuracy, ends))

    def reload(self, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Take the state up from the checkpoint, if there is one."""
        if self.checkpoint is not None:
            found, self._found = self._found or read(self.checkpoint), None
            stored = take(found, self.network, optimizer)
            self.average.mean = {name: mean.to(self.batches.device) for name, mean in stored.items()}

    def finish(self) -> None:
        """Give the network the weights its plan wants at the end; ends in evaluation mode."""
        if not self.finished and (self.average.count or self.best.wanted):
            if self.best.wanted:
                self.best.restore(self.network)
            else:
                self.average.apply(self.network, self._frames(), self.runner.run)
            self._save(None, finished=True)
        self.network.eval()

    def _epoch(self, phase: Phase, optimizer: torch.optim.Optimizer) -> tuple[float, float]:
        """One pass over the training split: its mean loss and its last learning rate."""
        epoch, batches = self.epochs, len(self.batches)
        drawn = self.seed * 1_000_003 + epoch + self.processes.rank * 998_244_353
        torch.manual_seed(drawn % (1 << 63))
        if self.before_epoch is not None:
            self.before_epoch(self.network, epoch, self.plan.epochs)
        self.network.train()
        total, rate = 0.0, 0.0
        for index, batch in enumerate(self.batches.epoch(epoch)):
            place = Place(epoch, index, batches, self.plan.epochs)
            rate = set_learning_rate(optimizer, self.plan, phase, place.step, batches)
            total += self.stepper(batch, optimizer, place) * batch.samples
        self._check_health()
        self.processes.average_norms(self.network)
        self.epochs += 1
        return total / self.batches.samples, rate

    def _check_health(self) -> None:
        """Refuse weights that are not finite, which spikes hide; tell, once a layer, of silence."""
        place = f"training, epoch {self.epochs + 1}"
        silent = silent_layers(self.network, self._frames(), self.runner.run)
        if silent or not all(bool(torch.isfinite(p).all()) for p in self.network.parameters()):
            where = first_non_finite(self.network, next(self._frames()), self.runner.run)
            if where:
                raise TrainingError(str(diverged(place, f"nan or infinity in {where}", self.plan)))
        for name in silent:
            if self.processes.leads and name not in self._known_silent:
                self.on_silence(silence(f"{place}, layer '{name}'", self.batches.samples))
        self._known_silent |= set(silent)

    def _frames(self) -> Iterator[Tensor]:
        return (frames for frames, _ in self.batches.in_order())

    def _validate(self) -> float | None:
        held_out = self.batches.held_out
        if not len(held_out):
            return self._validate_apart()
        mine = held_out[self.processes.rank :: self.processes.size]
        return self.processes.sum(count_correct(self.runner, self.batches.in_order(mine))) / len(held_out)

    def _validate_apart(self) -> float | None:
        """Accuracy on the data's own validation split; the leading process measures it."""
        if self.data.validation_labels is None or not self.processes.leads:
            return None
        return accuracy_of(self.network, samples_of_split(self.data, "validation"), self.interface)

    def _choose(self, accuracy: float | None) -> None:
        """Take the weights after an epoch of the last phase into the best so far and into the mean."""
        better = accuracy is not None and self.best.see(self.network, accuracy, self.epochs)
        if better and self.best.path is not None and self.processes.leads:
            save_checkpoint(self.best.path, self.network, None, self._manifest(finished=False))
        if self.epochs > self.plan.epochs - self.plan.average_epochs:
            self.average.see(self.network)

    def _waited_long_enough(self) -> bool:
        patience = self.plan.patience
        return patience is not None and self.best.epoch > 0 and self.epochs - self.best.epoch >= patience

    def _save(self, optimizer: torch.optim.Optimizer | None, *, finished: bool = False) -> None:
        if self.checkpoint is not None and self.processes.leads:
            manifest, average = self._manifest(finished=finished), {} if finished else self.average.mean
            save_checkpoint(self.checkpoint, self.network, optimizer, manifest, average)
        self.processes.wait()

    def _manifest(self, *, finished: bool) -> dict[str, Any]:
        return {
            "key": self.key,
            "epoch": self.epochs,
            "finished": finished,
            "seed": self.seed,
            "data_hash": self.data.hash,
            "plan": self.plan.to_dict(),
            "versions": versions(),
            "averaged": self.average.count,
            "best_epoch": self.best.epoch,
            "best_accuracy": self.best.accuracy,
            "curve": self._curve,
        }

    def _resumable(self) -> tuple[int, bool]:
        """Epochs that a checkpoint has behind it, and whether nothing is left to do; 0 without one."""
        if self.checkpoint is None or not anything_there(self.checkpoint):
            return 0, False
        self._found = read(self.checkpoint)  # epoch and weights are those of one file, whoever replaces it
        manifest, epoch = self._found.manifest, self._found.fact("epoch")
        if manifest.get("key") != self.key or epoch > self.plan.epochs:
            cure = "Delete it to start afresh, or choose another folder."
            raise StoreError(
                Problem(str(self.checkpoint), "a checkpoint of another run", "one of this run", cure)
            )
        self._curve = list(manifest.get("curve", []))
        self.average.count = manifest.get("averaged", 0)
        self.best.epoch, self.best.accuracy = (
            manifest.get("best_epoch", 0),
            manifest.get("best_accuracy", 0.0),
        )
        return epoch, bool(manifest.get("finished", False))
