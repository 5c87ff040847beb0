"""One network out of a run folder: the chosen point, or a trial by name."""

from __future__ import annotations

from pathlib import Path

from spareto.core.artifacts import there
from spareto.core.errors import ConfigError, Problem, StoreError, did_you_mean
from spareto.records import Trial
from spareto.records.rows import row_chosen_by
from spareto.study.database.places import POINTER, STORE_NAME
from spareto.study.folder import RunFolder
from spareto.study.front import knee, mean_rows, results_of
from spareto.study.store import TrialStore


def is_run(path: Path) -> bool:
    """Whether a path is a study's run folder, or its database."""
    return path.name == STORE_NAME or there(path / STORE_NAME) or there(path / POINTER)


def chosen(run: str | Path, trial: str | None = None) -> tuple[Trial, Path]:
    """A trial of a study, and the file of its network.

    Args:
        run: Run folder, or its database.
        trial: Its name as in `spareto front`, `joint 4 bit 80 %`, with ` seed 1` behind it where there are
            several seeds; left out, the knee of the front of the recipes' means over their seeds, the recipe
            nearest to the best accuracy and the least energy, with the seed of the best accuracy.

    Raises:
        StoreError: There is no study, or the file of the network is gone.
        ConfigError: No trial has that name, or several have.
    """
    with TrialStore.of(run) as store:
        trials, folder = (
            tuple(results_of(store.trials())),
            RunFolder(store.place.folder, store.place.artifacts),
        )
    found = _named(trials, trial, run) if trial is not None else _knee(trials, run)
    path = folder.file("network", found)
    if not there(path):
        cure = "Restore it, or delete the trial's study and run it again."
        raise StoreError(Problem(str(path), "no such file", "the network of a trial", cure))
    return found, path


def _knee(trials: tuple[Trial, ...], run: str | Path) -> Trial:
    means = mean_rows(trials)
    index = knee([(row_chosen_by(row), row["energy_pj"]) for row in means])
    if index is None:
        cure = "Wait for the first one: spareto study run."
        raise StoreError(Problem(str(run), "no finished trial", "a study with trials", cure))
    seeds = [trial for trial in trials if trial.recipe.hash == means[index]["recipe_hash"]]
    return max(seeds, key=lambda trial: trial.chosen_by)


def _named(trials: tuple[Trial, ...], name: str, run: str | Path) -> Trial:
    wanted = _bare(name)
    found = [
        trial
        for trial in trials
        if wanted in map(_bare, (trial.recipe.label, _full(trial), trial.recipe.hash))
    ]
    if len(found) == 1:
        return found[0]
    names = [_full(trial) if found else trial.recipe.label for trial in (found or trials)]
    got = f"'{name[:80]}', which {len(found)} trials have" if found else f"'{name[:80]}'"
    cure = did_you_mean(name, names) or f"They are {', '.join(dict.fromkeys(names))}."
    raise ConfigError(Problem(f"trial of {run}", got, "the name of one trial", cure))


def _full(trial: Trial) -> str:
    return f"{trial.recipe.label} seed {trial.manifest.seed}"


def _bare(name: str) -> str:
    """Without the comma that stands before the seed where a study tells of a trial."""
    return name.replace(", seed ", " seed ")
