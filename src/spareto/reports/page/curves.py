"""Energy of each weight format against sparsity, and where two formats cost the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

from spareto.records.rows import MeanRow
from spareto.reports.page.costs import format_costs
from spareto.reports.page.points import number
from spareto.reports.results import StudyResults

Line = list[tuple[float, float]]


def format_curves(results: StudyResults) -> list[dict[str, Any]]:
    """One entry per weight width: lines over the measured sparsity, and the crossings of neighbours.

    Only widths with at least two different sparsities are drawn; recipes of all regimes share a line, since
    the cost knows only bits and zeros.
    """
    found: list[dict[str, Any]] = []
    for bits, rows in by_width(results):
        tables = [format_costs(results, row) for row in rows]
        zeros = [row["weight_sparsity"] for row in rows]
        entry: dict[str, Any] = {
            "bits": bits,
            "zeros": [number(share) for share in zeros],
            "names": [row["trial"] for row in rows],
        }
        entry["energy"] = [[table["energy"][place] for table in tables] for place in _places(results)]
        entry["cycles"] = [[table["cycles"][place] for table in tables] for place in _places(results)]
        entry["crossings"] = _crossings(results.weight_formats, zeros, entry["energy"])
        found.append(entry)
    return found


def by_width(results: StudyResults) -> list[tuple[int, list[MeanRow]]]:
    """The recipes of each weight width, by their measured sparsity; widths with at least two sparsities."""
    groups: dict[int, list[MeanRow]] = defaultdict(list)
    for row in results.means:
        groups[row["weight_bits"]].append(row)
    return [
        (bits, sorted(rows, key=lambda row: row["weight_sparsity"]))
        for bits, rows in sorted(groups.items())
        if len({row["weight_sparsity"] for row in rows}) > 1
    ]


def crossings(one: Line, other: Line) -> list[tuple[float, float]]:
    """Where two lines over the same places meet, by straight lines between neighbours.

    >>> crossings([(0.0, 1.0), (1.0, 3.0)], [(0.0, 2.0), (1.0, 2.0)])
    [(0.5, 2.0)]
    """
    found: list[tuple[float, float]] = []
    for (first, last), (start, end) in zip(pairwise(one), pairwise(other), strict=True):
        before, after = first[1] - start[1], last[1] - end[1]
        if before * after < 0:
            share = before / (before - after)
            place = first[0] + share * (last[0] - first[0])
            found.append((place, first[1] + share * (last[1] - first[1])))
    return found


def _places(results: StudyResults) -> range:
    return range(len(results.weight_formats))


def _crossings(
    formats: Sequence[str], zeros: Sequence[float], energies: Sequence[Sequence[float | None]]
) -> list[dict[str, Any]]:
    """The crossings of formats that are the cheapest of all where they cross."""
    lines: dict[str, Line] = {}
    for name, values in zip(formats, energies, strict=True):
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            lines[name] = list(zip(zeros, known, strict=True))
    found: list[dict[str, Any]] = []
    for one, other in combinations(lines, 2):
        for place, energy in crossings(lines[one], lines[other]):
            if all(energy <= _at(line, place) * (1 + 1e-9) for line in lines.values()):
                found.append({"formats": [one, other], "zeros": number(place), "energy": number(energy)})
    return sorted(found, key=lambda each: each["zeros"])


def _at(line: Line, place: float) -> float:
    """The height of a line at a place between its ends."""
    for (x1, y1), (x2, y2) in pairwise(line):
        if x1 <= place <= x2:
            return y1 + (y2 - y1) * (place - x1) / (x2 - x1) if x2 > x1 else min(y1, y2)
    return line[-1][1]
