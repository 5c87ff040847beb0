"""Run a study: train what is missing, store each finished trial at once."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import torch
from torch import nn
from typing_extensions import Unpack

from spareto.core.arguments import of_kind
from spareto.core.artifacts import canonical_json
from spareto.core.errors import ConfigError, Problem, StoreError
from spareto.core.text import shown
from spareto.data.own import load_data
from spareto.records import Recipe, Trial
from spareto.study.builders import builder_of
from spareto.study.checks import refuse_misfits, refuse_other_frames, try_out
from spareto.study.code import TRAINED_BY, UNNAMED, made_by, training_code
from spareto.study.config import StudyConfig
from spareto.study.cost_model import CostModel
from spareto.study.database.places import place_for, schema_of
from spareto.study.estimate import estimate, is_long
from spareto.study.executors import Executor
from spareto.study.folder import RunFolder
from spareto.study.known import KnownTrials
from spareto.study.listener import StudyListener
from spareto.study.machine import device_named, refuse_several
from spareto.study.parts import has_parts
from spareto.study.search.run import search
from spareto.study.splits import SealedTest, split_data
from spareto.study.stopping import stoppable
from spareto.study.store import TrialStore
from spareto.study.testing import measure_test
from spareto.study.trials import TrialRunner
from spareto.study.writer import only_writer


class Where(TypedDict, total=False):
    """Where a study's trials are kept, and who carries them out; see `run_study`."""

    store: str | None
    artifacts: str | None
    executor: Executor | None
    mix_versions: bool


def run_study(
    config: StudyConfig | str | Path,
    folder: str | Path | None = None,
    listener: StudyListener | None = None,
    device: str = "cpu",
    *,
    wait: bool = False,
    **where: Unpack[Where],
) -> tuple[Trial, ...]:
    """Carry out every recipe of a study with every seed.

    A study that searches finds its recipes first; see `spareto.study.search`.

    A study that was killed is carried on by the same call: finished trials are read from the store, a
    training under way goes on after its last full epoch. A changed accelerator costs the stored trials
    again and trains nothing.

    Args:
        config: What to do, or the file that says it.
        folder: Run folder; `runs/<name>` if left out.
        listener: Who is told how it gets on.
        device: Where networks are trained: `cpu`, `cuda`, or `auto` for a GPU if there is one. Accuracy and
            spikes are measured on the processor.
        wait: Wait for another process that writes to the folder, instead of refusing.
        where: `store`, URL of a PostgreSQL server that keeps the trials instead of a file in the run folder;
            `artifacts`, URL of a folder that keeps the trials' files for other machines, too; `executor`, who
            carries the trials out instead of this process; `mix_versions`, go on with trials that another
            version of the code made.

    Returns:
        The study's trials, in the order of seeds and recipes.

    Raises:
        ConfigError: The study does not fit the network, the data, the accelerator or the machine.
        DataError: The data set cannot be read.
        StoreError: The folder holds another study or trials of another version, somebody else writes to it,
            or it cannot be written.
        TrainingError: A training diverged.
    """
    if isinstance(config, str | Path):
        config = StudyConfig.load(config)
    of_kind(config, StudyConfig, "config", "a StudyConfig or its file")
    with open_study(config, folder, listener, device, wait=wait, **where) as study:
        if config.search is not None:
            study.listener.study_begins(config.search.all_trials)
            trials = search(config, config.search, study.known, study.untrained)
        else:
            recipes = config.all_recipes()
            study.listener.study_begins(len(recipes) * len(config.seeds))
            wanted = [(recipe, seed) for seed in config.seeds for recipe in recipes]
            _tell_estimate(study, wanted)
            trials = study.known.trials(wanted)
        study.known.stopping.check()
        return measure_test(study.known.runner, study.known.store, trials, study.sealed)


def _tell_estimate(study: OpenStudy, wanted: Sequence[tuple[Recipe, int]]) -> None:
    """Say what a long study will take."""
    runner = study.known.runner
    left = [(recipe, seed) for recipe, seed in wanted if not study.known.has(recipe, seed)]
    if is_long(runner, left):
        found = estimate(runner, left, study.known.workers)
        study.listener.estimated(found.trials, found.seconds, found.bytes)


@dataclass(frozen=True)
class OpenStudy:
    """A run folder that this process alone writes to, and what belongs to it.

    Args:
        known: Carries out what is not in the store.
        untrained: A network of the study that nothing was trained of.
        sealed: The test split.
        listener: Who is told how it gets on.
    """

    known: KnownTrials
    untrained: nn.Module
    sealed: SealedTest
    listener: StudyListener


@contextmanager
def open_study(
    config: StudyConfig,
    folder: str | Path | None = None,
    listener: StudyListener | None = None,
    device: str = "cpu",
    *,
    wait: bool = False,
    **where: Unpack[Where],
) -> Generator[OpenStudy]:
    """Everything a study needs, refused now where it does not fit; arguments and errors as in `run_study`."""
    refuse_several("study")
    if has_parts(config):
        rule, cure = (
            "one data set, network and accelerator",
            "Run each of spareto.study.parts.parts_of(config).",
        )
        raise ConfigError(Problem("study", "lists of them", rule, cure))
    trained_on = device_named(device)
    recipes, costing = config.all_recipes(), CostModel.of(config)
    builder = builder_of(config.network)
    data, sealed = split_data(load_data(config.data), config.validation_share)
    refuse_other_frames(config.network, data.train)
    untrained, notes = builder.build(data.train.info)
    if builder.interface is not None:
        notes += try_out(untrained, data.train, builder.interface)
    root = Path(folder or Path("runs") / config.name)
    place = place_for(root, where.get("store"), where.get("artifacts"), config.name)
    run_folder = RunFolder(root, place.artifacts)
    told = listener or StudyListener()
    runner = TrialRunner(config, data, builder, costing, run_folder, told, trained_on)
    refuse_misfits(runner, untrained, recipes)
    told.noted((*data.train.notes, *notes))
    with only_writer(root, wait=wait, on_wait=told.waits), TrialStore(place) as store:
        place.point()
        runner = _of_the_store(runner, store, mixed=where.get("mix_versions", False))
        _begin(store, runner, sealed)
        known = KnownTrials(runner, store, executor := where.get("executor"))
        if executor is not None and executor.threads is not None:
            torch.set_num_threads(executor.threads)  # sums are added in the same order, whoever adds them
        known.store.tasks.settle(known.owner)  # what a killed run was at
        try:
            with stoppable(known.stopping, told.stopping):
                yield OpenStudy(known, untrained, sealed, told)
        finally:
            known.close()


def _of_the_store(runner: TrialRunner, store: TrialStore, *, mixed: bool) -> TrialRunner:
    """The runner whose trials a store can hold.

    Args:
        runner: Makes trials by the code of this process.
        store: Where they go.
        mixed: Go on with trials of other code as if this process had made them.

    Returns:
        The runner; with `mixed`, one that gives trials the names that the store's have.

    Raises:
        StoreError: The store's trials were made by other code.
    """
    meta = store.meta
    base = meta.get("base_hash", runner.base_hash)
    before = replace(runner, code=meta.get(TRAINED_BY, ""))
    if base == runner.base_hash or base != before.base_hash:
        return runner  # nothing to say, or something else than the code differs
    other = meta.get("made_by", UNNAMED)
    if mixed:
        note = f"Trials of {other} stay, beside new ones of {made_by()}; their numbers may differ."
        runner.listener.noted((note,))
        return before
    cure = (
        "Choose another folder with --out, or install that version again."
        " With --mix-versions the study goes on with trials of both."
    )
    raise StoreError(Problem(store.place.where, f"trials of {other}", f"trials of {made_by()}", cure))


def _refuse_another_name(store: TrialStore, known: str | None, name: str) -> None:
    """Refuse the schema of a server that another name of a study leads to as well."""
    place = store.place
    if place.url is None or known is None or known == name:
        return
    if place.schema == schema_of(known) == schema_of(name):
        got = f"schema '{place.schema}' with the trials of study {shown(known)}"
        cure = "Give one of them a name that differs in its letters and digits."
        raise StoreError(Problem(place.where, got, f"those of study {shown(name)}", cure))


def _begin(store: TrialStore, runner: TrialRunner, sealed: SealedTest) -> None:
    """Refuse a folder whose trials started from another network, data set or dense training."""
    base, meta = runner.base_hash, store.meta
    _refuse_another_name(store, meta.get("study"), runner.config.name)
    config, data, parts = runner.config, runner.data, runner.builder.parts
    share = f"{config.validation_share:g}"
    if meta.get("base_hash", base) != base:
        facts = {
            "the data": ("data_hash", data.hash),
            "its validation_share": ("validation_share", share),
            **{f"its {key}": (key, parts[key]) for key in parts},
        }
        changed = [name for name, (key, now) in facts.items() if meta.get(key, now) != now]
        got = "trials of another study" + (
            f", for {' and '.join(changed)} changed" if parts and changed else ""
        )
        cure = "Choose another folder with --out, or delete this one."
        rule = "trials of the same data, network and dense training"
        raise StoreError(Problem(store.place.where, got, rule, cure))
    store.set_meta(
        study=config.name,
        network=config.network.name,
        dataset=data.train.name,
        accelerator=runner.costing.accelerator.name,
        data_hash=data.hash,
        base_hash=base,
        test_samples=str(sealed.size),
        validation_samples=str(len(data.validation)),
        validation_share=share,
        timesteps=str(data.train.timesteps or "the network's own"),
        plan=canonical_json(config.to_dict()),
        accelerator_data=canonical_json(runner.costing.accelerator.to_dict()),
        **({TRAINED_BY: runner.code, "made_by": made_by()} if runner.code == training_code() else {}),
        **parts,
        **({"data_notes": " ".join(notes)} if (notes := data.train.notes) else {}),
    )
