"""A study of networks that learn by local rules: each result is on disk before the next training starts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Final

from spareto.core.artifacts import fingerprint, there
from spareto.core.errors import Problem, StoreError
from spareto.core.text import component
from spareto.plasticity.config import LocalStudy, NetworkEntry
from spareto.plasticity.learning import learnt
from spareto.plasticity.pictures import PictureData
from spareto.plasticity.results import LocalResult

RULES: Final = 1
"""Raise it when equal plans begin to give other results."""

Progress = Callable[[str, int, int], None]


def run_local_study(
    study: LocalStudy, data: PictureData, folder: Path, told: Progress = lambda name, done, of: None
) -> list[LocalResult]:
    """Train what is missing; the caller is the folder's only writer.

    Args:
        study: What to train.
        data: Its images.
        folder: Run folder: a JSON file a result, and the trained weights beside it.
        told: Told which network has learnt how many images, and of how many.

    Returns:
        All results, sizes in order, then networks, then seeds.

    Raises:
        StoreError: A file in the folder belongs to another study, or cannot be used.
    """
    results: list[LocalResult] = []
    for neurons, entry, seed in product(study.neurons, study.networks, study.seeds):
        name = f"{component(entry.called)}-{neurons}-seed{seed}"
        key, path = _key(study, entry, neurons, seed, data), folder / f"{name}.json"
        if there(path):
            results.append(_read(path, key))
            continue
        weights = folder / f"{name}.safetensors"
        _, result = learnt(
            *(study, entry, neurons, seed, data, key, weights),
            lambda done, of, name=name: told(name, done, of),
        )
        result.save(path)
        results.append(result)
    return results


def _read(path: Path, key: str) -> LocalResult:
    result = LocalResult.load(path)
    if result.key != key:
        cure = "Choose another folder with --out, or delete the file to train anew."
        raise StoreError(Problem(str(path), "a result of another study", "one of this study", cure))
    return result


def _key(study: LocalStudy, entry: NetworkEntry, neurons: int, seed: int, data: PictureData) -> str:
    """Fingerprint of all that a result depends on."""
    plan = study.plan(entry, neurons)
    return fingerprint(
        {
            "rules": RULES,
            "plan": plan.to_dict(),
            "neurons": neurons,
            "seed": seed,
            "epochs": study.epochs,
            "validation_share": study.validation_share,
            "data": data.hash,
        }
    )
