"""The training loop: back-propagation through time, resumable after every epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from torch import nn

from spareto.core.arguments import of_kind, path_of, seed_of
from spareto.records import TrainingPlan
from spareto.running import How, data_of, interface_of
from spareto.training.health import warn_of_silence
from spareto.training.listening import BeforeStep, ExtraLoss, Listener, Milestones, SilenceListener
from spareto.training.processes import join
from spareto.training.run import TrainingRun
from spareto.training.schedule import phases


def train(
    network: nn.Module,
    data: Any,
    plan: TrainingPlan,
    *,
    seed: int = 0,
    milestones: Milestones | None = None,
    checkpoint: str | Path | None = None,
    key: str = "",
    on_epoch: Listener | None = None,
    on_silence: SilenceListener = warn_of_silence,
    before_step: BeforeStep | None = None,
    extra_loss: ExtraLoss | None = None,
    **how: Unpack[How],
) -> None:
    """Train a network in place; it ends in evaluation mode.

    With a `checkpoint` path the state is kept after every epoch, and a call that finds one there goes on
    from it and ends with the same numbers as an uninterrupted run: what is random in an epoch depends on
    `seed` and the epoch alone. The best weights on held-out samples are kept beside it, as `*.best.*`.

    Under `torchrun` the processes share every batch, and follow the gradient of the whole of it.

    Args:
        network: Any module; how one that is not ours is run is found out, or asked for.
        data: What `load_frames` or `from_arrays` give; `(frames, labels)`; torch `Dataset` or `DataLoader`.
        plan: Epochs, learning rate, loss.
        seed: Decides what is held out, order, augmentation and dropout.
        milestones: Epoch to a change made before it; each starts a new phase and a fresh optimizer.
        checkpoint: Where to keep the state.
        key: Fingerprint of what the run depends on, else of data, plan and seed; another's is refused.
        on_epoch: Called after every epoch.
        on_silence: Called once for every layer without a spike in the training split; else it is warned of.
        before_step: Called before each optimizer step; see `BeforeStep`.
        extra_loss: A term added to the loss of each batch; see `ExtraLoss`.
        how: `time`, `output`, `vote` and `reset`, as in `spareto.Interface`, or `interface`, all in one.

    Raises:
        ConfigError: The plan asks for what network or data lack, or it is not clear how the network is run.
        DataError: The training split has no sample, labels that are no class, or frames that are not finite.
        TrainingError: The loss or a gradient is not finite.
        StoreError: The checkpoint is damaged or belongs to another run.
    """
    changes, frames = _checked(network, plan, seed, milestones), data_of(data)
    stated, path = interface_of(**how), None if checkpoint is None else path_of(checkpoint, "checkpoint")
    told = (on_epoch, on_silence, before_step, extra_loss)
    run = TrainingRun(network, frames, plan, seed, path, key, *told, join(), stated)
    done = run.epochs
    for phase in phases(plan.epochs, changes):
        if 0 < phase.first == done:
            run.reload()  # a milestone changes the network trained so far
        if phase.first in changes:
            changes[phase.first](network)
        if done < phase.end and not run.finished:
            run.phase(phase)
    if run.finished or 0 < done == plan.epochs:
        run.reload()
    run.finish()


def _checked(network: object, plan: object, seed: object, milestones: Any) -> Any:
    """The milestones, if what stands beside them is a network, a plan and a seed.

    Raises:
        ConfigError: One of them is none.
    """
    of_kind(network, nn.Module, "network", "a torch.nn.Module")
    of_kind(plan, TrainingPlan, "plan", "a TrainingPlan", "Write spareto.TrainingPlan(epochs=10).")
    seed_of(seed)
    return milestones or {}
