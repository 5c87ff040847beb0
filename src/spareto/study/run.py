"""Run a study: train what is missing, store each finished trial at once."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from spareto.core.artifacts import canonical_json
from spareto.core.errors import Problem, StoreError
from spareto.data.own import load_data
from spareto.records import Trial
from spareto.study.builders import builder_of
from spareto.study.checks import refuse_misfits, refuse_other_frames, try_out
from spareto.study.config import StudyConfig
from spareto.study.cost_model import CostModel
from spareto.study.folder import RunFolder
from spareto.study.listener import StudyListener
from spareto.study.machine import device_named, refuse_several
from spareto.study.splits import SealedTest, split_data
from spareto.study.store import TrialStore
from spareto.study.testing import measure_test
from spareto.study.trials import TrialRunner
from spareto.study.writer import only_writer


def run_study(
    config: StudyConfig,
    folder: str | Path | None = None,
    listener: StudyListener | None = None,
    device: str = "cpu",
    *,
    wait: bool = False,
) -> tuple[Trial, ...]:
    """Carry out every recipe of a study with every seed.

    A study that was killed is carried on by the same call: finished trials are read from the store, a
    training under way goes on after its last full epoch. A changed accelerator costs the stored trials
    again and trains nothing.

    Args:
        config: What to do.
        folder: Run folder; `runs/<name>` if left out.
        listener: Who is told how it gets on.
        device: Where networks are trained: `cpu`, `cuda`, or `auto` for a GPU if there is one. Accuracy and
            spikes are measured on the processor.
        wait: Wait for another process that writes to the folder, instead of refusing.

    Returns:
        The study's trials, in the order of seeds and recipes.

    Raises:
        ConfigError: The study does not fit the network, the data, the accelerator or the machine.
        DataError: The data set cannot be read.
        StoreError: The folder holds another study, somebody else writes to it, or it cannot be written.
        TrainingError: A training diverged.
    """
    refuse_several("study")
    trained_on = device_named(device)
    recipes, costing = config.all_recipes(), CostModel.of(config)
    builder = builder_of(config.network)
    data, sealed = split_data(load_data(config.data), config.validation_share)
    refuse_other_frames(config.network, data.train)
    untrained, notes = builder.build(data.train.info)
    if builder.interface is not None:
        notes += try_out(untrained, data.train, builder.interface)
    run_folder = RunFolder(Path(folder or Path("runs") / config.name))
    told = listener or StudyListener()
    runner = TrialRunner(config, data, builder, costing, run_folder, told, trained_on)
    refuse_misfits(runner, untrained, recipes)
    told.noted((*data.train.notes, *notes))
    told.study_begins(len(recipes) * len(config.seeds))
    with only_writer(run_folder.root, wait=wait, on_wait=told.waits), TrialStore(run_folder.store) as store:
        _claim(store, runner, sealed)
        trials = [trial for seed in config.seeds for trial in _run_seed(runner, store, recipes, seed)]
        return measure_test(runner, store, trials, sealed)


def _run_seed(runner: TrialRunner, store: TrialStore, recipes: tuple, seed: int) -> list[Trial]:
    dense: nn.Module | None = None
    trials: list[Trial] = []
    for recipe in recipes:
        key = runner.key(recipe, seed)
        known = store.get(key)
        reused = known is not None
        if known is None:
            dense = dense or runner.dense_network(seed)
            trial = runner.run(dense, recipe, seed)
        elif known.manifest.accelerator_hash != runner.costing.hash:
            trial = runner.recost(known)
        else:
            trial = known
        if trial is not known:
            store.put(key, trial)
        runner.discard_checkpoint(recipe, seed)  # also one that a killed run had no time to
        runner.listener.trial_ends(trial, reused=reused)
        trials.append(trial)
    return trials


def _claim(store: TrialStore, runner: TrialRunner, sealed: SealedTest) -> None:
    """Refuse a folder whose trials started from another network, data set or dense training."""
    base, meta = runner.base_hash, store.meta
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
        raise StoreError(Problem(str(store.path), got, rule, cure))
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
        **parts,
        **({"data_notes": " ".join(notes)} if (notes := data.train.notes) else {}),
    )
