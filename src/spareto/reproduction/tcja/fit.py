"""The fit of the array's unknown numbers, on sixteen rows of the published table."""

# scipy leaves its results untyped.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import least_squares, nnls

from spareto.core.errors import DataError, Problem
from spareto.reproduction.tcja.chip import FORMATS
from spareto.reproduction.tcja.network import StudyPoint
from spareto.reproduction.tcja.network_cost import MappingChoice, Study, cost_network
from spareto.reproduction.tcja.table import Table
from spareto.reproduction.timeloop.accounting import Amount

FIT_SETTINGS: Final = tuple(StudyPoint("joint", target, bits) for target in (0.0, 0.8) for bits in (2, 8))

# Where the search starts and what is possible at all: half to twice what comparable chips have, or wider.
_SHAPES: Final = {"spike_density": (0.1, 0.01, 0.6), "buffer_bandwidth": (32.0, 4.0, 64.0)}
# Energies are proportional to these, which leave cycles alone: for any shape they are solved for.
_SCALES: Final = ("operation_energy", "decoding_energy", "offset_width", "spilled_width")
_STEP = 1e-3  # words of an access are whole numbers; derivatives look past the small jumps


@dataclass(frozen=True)
class Fit:
    """The fitted numbers and how well they describe the rows they were fitted on.

    Args:
        study: The study with these numbers.
        rms: Root mean square of the relative energy errors on the fitted rows.
        cross_validated: The same on the rows of a setting left out of the fit; None if not asked for.
    """

    study: Study
    rms: float
    cross_validated: float | None


def fit(study: Study, table: Table, *, cross_validate: bool = True) -> Fit:
    """Fit the unknown numbers on {unpruned, 80 %} x {2, 8} bit x 4 formats; no other row is looked at.

    Args:
        study: Network, array and mappings; its fitted numbers are not used.
        table: The published table.
        cross_validate: Fit four more times to see what the numbers are worth on rows left out.

    Raises:
        DataError: A row to fit on is missing.
    """
    _require(table)
    best = _fitted(study, table, FIT_SETTINGS)
    left_out = _left_out(study, table) if cross_validate else None
    return Fit(best, rms(errors(best, table, FIT_SETTINGS)[0]), left_out)


def _left_out(study: Study, table: Table) -> float:
    """Error on the rows of one setting when the other three are fitted, over all four."""
    found: list[Amount] = []
    for place, setting in enumerate(FIT_SETTINGS):
        others = FIT_SETTINGS[:place] + FIT_SETTINGS[place + 1 :]
        found.append(errors(_fitted(study, table, others), table, (setting,))[0])
    return rms(np.concatenate(found))


def errors(
    study: Study, table: Table, settings: Sequence[StudyPoint], mapping: MappingChoice = "frozen"
) -> Amount:
    """Relative errors of the energies, ours to the published, then of the cycles."""
    points = [(setting, name) for setting in settings for name in FORMATS]
    ours = cost_network(study, points, mapping=mapping)
    rows = [table[setting, name, "mean"] for setting, name in points]
    energy = ours.total_pj * 1e-6 / [row.energy_uj for row in rows] - 1.0
    return np.stack([energy, ours.cycles / [row.cycles for row in rows] - 1.0])


def rms(values: Amount) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def with_fitted(study: Study, numbers: Mapping[str, float]) -> Study:
    """The study with other fitted numbers, by name."""
    old = study.chip.fitted
    new = {name: getattr(old, name).replace(value=value) for name, value in numbers.items()}
    fitted = old.replace(**new)
    return replace(study, chip=study.chip.replace(fitted=fitted))


def _fitted(study: Study, table: Table, settings: Sequence[StudyPoint]) -> Study:
    """Least squares under one mapping per layer, which makes no jumps."""
    start, low, high = (np.array(column) for column in zip(*_SHAPES.values(), strict=True))

    def residuals(shape: Amount) -> Amount:
        return errors(_scaled(study, table, settings, shape), table, settings).ravel()

    found = least_squares(residuals, start, bounds=(low, high), x_scale=start, diff_step=_STEP, max_nfev=60)
    return _scaled(study, table, settings, found.x)


def _scaled(study: Study, table: Table, settings: Sequence[StudyPoint], shape: Amount) -> Study:
    """The study of a shape with the scales, none below 0, that bring its energies closest."""
    numbers = dict(zip(_SHAPES, shape.tolist(), strict=True)) | dict.fromkeys(_SCALES, 0.0)
    without = 1.0 + errors(with_fitted(study, numbers), table, settings)[0]
    columns = [
        1.0 + errors(with_fitted(study, numbers | {name: 1.0}), table, settings)[0] - without
        for name in _SCALES
    ]
    scales = nnls(np.stack(columns, axis=1), 1.0 - without)[0]
    return with_fitted(study, numbers | dict(zip(_SCALES, scales.tolist(), strict=True)))


def _require(table: Table) -> None:
    missing = [
        f"{setting.target:g} at {setting.bits} bits in {name}"
        for setting in FIT_SETTINGS
        for name in FORMATS
        if (setting, name, "mean") not in table
    ]
    if missing:
        got = "no joint row of sparsity " + ", ".join(missing)
        raise DataError(Problem("table", got, "all sixteen rows the fit needs"))
