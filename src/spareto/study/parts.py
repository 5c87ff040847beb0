"""One study file of several data sets, networks or accelerators: a study of each combination, side by side.

Each has a run folder of its own inside that of the whole. What is trained on the first accelerator of a
data set and network is taken over by the others, which only cost it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from spareto.core.artifacts import there
from spareto.core.text import component
from spareto.records.data import AnyData, DataPlan
from spareto.study.config import LISTS, LONGEST_NAME, StudyConfig
from spareto.study.database.places import POINTER, STORE_NAME, place_for
from spareto.study.merging import merge
from spareto.study.store import TrialStore
from spareto.study.writer import only_writer


@dataclass(frozen=True)
class StudyPart:
    """One combination.

    Args:
        config: The study, with one of each.
        folder: Its run folder.
        trained_by: The part whose trials it takes over; None if it trains itself.
        labels: Data set, network and accelerator as tables call them.
    """

    config: StudyConfig
    folder: Path
    trained_by: Path | None
    labels: tuple[str, str, str]


def has_parts(config: StudyConfig) -> bool:
    """Whether a study names several of anything."""
    return any(getattr(config, several) for several in LISTS.values())


def parts_of(config: StudyConfig, folder: Path) -> list[StudyPart]:
    """Every combination, accelerators innermost; a study of one of each is its own only part."""
    if not has_parts(config):
        return [
            StudyPart(config, folder, None, (_called(config.data), config.network.name, config.accelerator))
        ]
    found: list[StudyPart] = []
    datasets, networks = config.datasets or (config.data,), config.networks or (config.network,)
    chips = config.accelerators or (config.accelerator,)
    several = [len(datasets) > 1, len(networks) > 1, len(chips) > 1]
    for (d, data), (n, network) in product(enumerate(datasets), enumerate(networks)):
        first: Path | None = None
        for c, chip in enumerate(chips):
            labels = (_called(data), network.name, Path(chip).stem)
            numbers = (d, n, c)
            named = zip(labels, numbers, several, strict=True)
            told = [f"{component(label, 40)}-{number + 1}" for label, number, more in named if more]
            own = folder / ("-".join(told) or "only")
            single = _single(config, own.name, data, network, chip)
            found.append(StudyPart(single, own, first, labels))
            first = first or own
    return found


def _single(config: StudyConfig, part: str, data: Any, network: Any, chip: str) -> StudyConfig:
    """The study of one combination, as if its file had said so."""
    plain = {key: value for key, value in config if key in config.model_fields_set}
    for several in LISTS.values():
        plain.pop(several, None)
    room = LONGEST_NAME - len(part.encode()) - 1
    name = f"{config.name.encode()[:room].decode(errors='ignore')}-{part}"
    return StudyConfig(**{**plain, "name": name, "data": data, "network": network, "accelerator": chip})


def take_over(part: StudyPart, store: str | None = None, artifacts: str | None = None) -> int:
    """Bring what another accelerator's part has trained; how many trials came."""
    if part.trained_by is None or not any(there(part.trained_by / name) for name in (STORE_NAME, POINTER)):
        return 0
    place = place_for(part.folder, store, artifacts, part.config.name)
    with only_writer(part.folder), TrialStore(place) as into:
        place.point()
        return merge([part.trained_by], into)


def _called(data: AnyData) -> str:
    return data.name if isinstance(data, DataPlan) else "own data"
