"""Studies written by an earlier version, brought to the present format before anything is looked up.

Format 1 named trials by what differed from the defaults; format 2 names them by every field, so that a trial
whose defaults were others is not taken for one of now. A later change of a record that keeps old trials valid
gets a format and a function of its own here.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from spareto.core.artifacts import fingerprint
from spareto.core.config import Record
from spareto.records import Recipe
from spareto.study.builders import Builder
from spareto.study.config import OwnNetworkPlan, StudyConfig
from spareto.study.folder import RunFolder
from spareto.study.store import TrialStore
from spareto.training import best_path
from spareto.training.stored import read, write

FIRST: Final = 1
_log = logging.getLogger("spareto")


def migrate(
    store: TrialStore, folder: RunFolder, config: StudyConfig, builder: Builder, data_hash: str
) -> None:
    """Give trials and files of format 1 their present names, if they are those of this study.

    Files are renamed first and the database last, in one transaction: a migration that is killed is repeated.
    Another study's folder stays as it is.

    Args:
        store: The study's database, open for writing.
        folder: Where its files are.
        config: The study as it is asked for now.
        builder: Makes its networks.
        data_hash: Fingerprint of its data.
    """
    if store.format != FIRST:
        return
    before = _first_base(config, builder, data_hash)
    if store.meta.get("base_hash", before) != before:
        return
    after, renamed = config.base_hash(data_hash, builder.hash), {}
    for old, trial in store.items():
        recipe, seed = trial.recipe, trial.manifest.seed
        new = fingerprint([after, recipe.hash, seed])
        for place in (folder.network, folder.workload):
            _rename(place(recipe, seed, old), place(recipe, seed, new))
        manifest = trial.manifest.replace(recipe_hash=recipe.hash, base_hash=after)
        renamed[old] = (new, trial.replace(manifest=manifest))
    for seed in config.seeds:
        _rekey(folder.dense(before, seed), folder.dense(after, seed), fingerprint([after, seed]))
        for recipe in config.all_recipes():
            old, new = (
                fingerprint([before, _first_recipe(recipe), seed]),
                fingerprint([after, recipe.hash, seed]),
            )
            _rekey(folder.training(old), folder.training(new), new)
    store.rename(renamed, base_hash=after)
    _log.info("spareto: %s was brought to the present format.", store.path)


def _first_base(config: StudyConfig, builder: Builder, data_hash: str) -> str:
    network = _first(config.network)
    if isinstance(config.network, OwnNetworkPlan):
        kept = config.network.model_dump(
            mode="json", exclude={"import_", "weights", "reset"}, exclude_defaults=True
        )
        network = fingerprint([kept, builder.parts])
    return fingerprint([data_hash, network, _first(config.dense_training)])


def _first(record: Record) -> str:
    return fingerprint(record.model_dump(mode="json", by_alias=True, exclude_defaults=True))


def _first_recipe(recipe: Recipe) -> str:
    plans = {step.kind: _first(step) for step in recipe.steps}
    return fingerprint([_first(recipe.replace(name="", steps=())), plans])


def _rename(old: Path, new: Path) -> None:
    if old.exists():
        old.replace(new)


def _rekey(old: Path, new: Path, key: str) -> None:
    """A checkpoint under another name and key, with its best weights beside it."""
    for source, target in ((best_path(old), best_path(new)), (old, new)):
        if source.exists():
            found = read(source)
            write(target, found.tensors, found.manifest | {"key": key})
            source.unlink()
