"""The published table: its rows, and where it is found."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spareto.core.artifacts import there
from spareto.core.errors import DataError, Problem, one_of
from spareto.records.workload import Statistic
from spareto.reproduction.tcja.chip import FORMATS
from spareto.reproduction.tcja.network import StudyPoint

_COLUMNS: Final = ("mode", "weight_sparsity_target", "bits", "weight_format", "energy_uJ", "cycles")
_MODES: Final = ("cumulative", "joint")
_RULE: Final = (
    f"mode {one_of(_MODES)}, weight_format {one_of(FORMATS)}, activity mean or max, sparsity from 0 to "
    "below 1, at least 2 bits, and numbers"
)
_NAMES: Final[dict[Statistic, str]] = {"mean": "tcja_energy.csv", "max": "tcja_energy_max.csv"}


@dataclass(frozen=True)
class Published:
    """One row: energy in microjoules, cycles, and accuracy (0..1) where the table has it."""

    energy_uj: float
    cycles: float
    accuracy: float | None


Key = tuple[StudyPoint, str, str]  # setting, weight format, activity statistic
Table = Mapping[Key, Published]


def find_table(statistic: Statistic = "mean") -> Path | None:
    """The published table of one activity where it usually lies; None if it is not there."""
    return reference_file(_NAMES[statistic])


def reference_file(name: str) -> Path | None:
    """A file in the folder `SPARETO_REFERENCE` names, else in `../shared/reference`; None without it."""
    path = Path(os.environ.get("SPARETO_REFERENCE", "../shared/reference")) / name
    return path if there(path) else None


def read_table(path: str | Path) -> Table:
    """Read a table of the study's columns; `spike_density_statistic` is `mean` and accuracy empty if absent.

    Raises:
        DataError: The file is missing or lacks a column, or a row breaks a rule; every problem is listed.
    """
    path = Path(path)
    if not there(path):
        raise DataError(Problem(str(path), "no such file", "a CSV of the study's rows", "Check the path."))
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            got = "no column " + ", ".join(missing)
            raise DataError(Problem(str(path), got, f"the columns {', '.join(_COLUMNS)}"))
        lines = list(reader)
    problems: list[Problem] = []
    table: dict[Key, Published] = {}
    for number, line in enumerate(lines, start=2):
        try:
            key, row = _row(line)
        except ValueError as error:
            problems.append(Problem(f"{path}:{number}", str(error), _RULE))
        else:
            table[key] = row
    DataError.if_any(problems)
    return table


def _row(line: Mapping[str, Any]) -> tuple[Key, Published]:
    mode, fmt = line["mode"], line["weight_format"]
    statistic = line.get("spike_density_statistic") or "mean"
    target, bits = float(line["weight_sparsity_target"]), int(line["bits"])
    if mode not in _MODES or fmt not in FORMATS or statistic not in ("mean", "max"):
        raise ValueError(f"{mode}, {fmt}, {statistic} activity")
    if not 0.0 <= target < 1.0 or bits < 2:
        raise ValueError(f"sparsity {target} at {bits} bits")
    accuracy = line.get("accuracy")
    published = Published(
        float(line["energy_uJ"]), float(line["cycles"]), float(accuracy) if accuracy else None
    )
    return (StudyPoint(mode, target, bits), fmt, statistic), published
