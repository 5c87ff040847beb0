"""The parts of the study's energy, ours beside its breakdown figure: shares, and how far they differ."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from spareto.core.artifacts import there
from spareto.core.errors import DataError, Problem, one_of
from spareto.reproduction.tcja.chip import FORMATS, OPERATIONS
from spareto.reproduction.tcja.network import StudyPoint
from spareto.reproduction.tcja.network_cost import Study, cost_network
from spareto.reproduction.tcja.table import reference_file

NAME: Final = "tcja_breakdown.csv"
# The figure's bars, each in the format that takes the least energy there. It does not say which it shows.
BARS: Final = {
    "ternary_unpruned": StudyPoint("joint", 0.0, 2),
    "dense_8_bit": StudyPoint("joint", 0.0, 8),
    "sparse_8_bit": StudyPoint("joint", 0.8, 8),
}
_SUFFIX = "_pj_per_operation"
_THEIRS: Final = {OPERATIONS: "mac"}
Shares = Mapping[str, float]  # by component, their names
Row = Mapping[str, Any]


def reproduce_breakdown(path: str | Path | None = None, study: Study | None = None) -> list[Row]:
    """One row a bar and component: our share of the bar, theirs, and ours less theirs; and of the energy.

    The figure's bars are picojoules an operation, 654 and 659 in all. The energies of the table over all
    operations of the network would be 20 and 13 in our model. So a bar is taken to be what the tool prints
    for each layer, energy over computations, summed over the layers; `energy_share` is that of the energy.

    Wires between the levels have an energy in the study and none here: no public number gives it. They are
    listed with a share of their own in the study, and 0 in ours.

    Args:
        path: The published breakdown; None looks where the table usually lies, and does without.
        study: Another network, array or set of mappings.

    Raises:
        DataError: The file is missing or broken.
    """
    found = Path(path) if path else reference_file(NAME)
    published = read_breakdown(found) if found else {}
    return [row for bar in BARS for row in _rows(study or Study.load(), bar, published.get(bar, {}))]


def read_breakdown(path: str | Path) -> dict[str, Shares]:
    """Published shares by bar and component.

    Raises:
        DataError: The file is missing, has no column of a known bar, or a row breaks a rule.
    """
    path = Path(path)
    if not there(path):
        raise DataError(Problem(str(path), "no such file", "a CSV of the breakdown", "Check the path."))
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        columns = [name for name in reader.fieldnames or () if name.removesuffix(_SUFFIX) in BARS]
        lines = list(reader)
    if not columns or any("component" not in line for line in lines):
        rule = f"a column 'component', and {one_of(f'{bar}{_SUFFIX}' for bar in BARS)}"
        raise DataError(Problem(str(path), "other columns", rule))
    try:
        table = {
            column.removesuffix(_SUFFIX): {line["component"]: float(line[column]) for line in lines}
            for column in columns
        }
    except (TypeError, ValueError) as error:
        raise DataError(Problem(str(path), str(error), "a number in every row")) from None
    return {bar: _shares(parts) for bar, parts in table.items()}


def _rows(study: Study, bar: str, published: Shares) -> Iterator[Row]:
    points = [(BARS[bar], name) for name in FORMATS]
    cost = cost_network(study, points)
    best = int(cost.total_pj.argmin())
    ours, whole = (
        _shares({_THEIRS.get(name, name): float(part[best]) for name, part in parts.items()})
        for parts in (cost.per_operation_pj, cost.energy_pj)
    )
    for component in dict.fromkeys((*ours, *published)):
        mine, theirs = ours.get(component, 0.0), published.get(component)
        yield {
            "bar": bar,
            "weight_format": FORMATS[best],
            "component": component,
            "share": mine,
            "energy_share": whole.get(component, 0.0),
            "published_share": theirs,
            "difference": None if theirs is None else mine - theirs,
        }


def _shares(parts: Mapping[str, float]) -> Shares:
    total = sum(parts.values())
    return {name: part / total for name, part in parts.items()}
