"""The fit of the array's unknown numbers, on sixteen rows of the published table."""

# scipy leaves its results untyped.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import least_squares

from spareto.core.errors import DataError, Problem
from spareto.hardware.published.tcja.chip import FORMATS, Fitted
from spareto.hardware.published.tcja.costing import MappingChoice, Study, cost_network
from spareto.hardware.published.tcja.network import Setting
from spareto.hardware.published.tcja.table import Table
from spareto.hardware.timeloop import Amount

FIT_SETTINGS: Final = tuple(Setting("joint", target, bits) for target in (0.0, 0.8) for bits in (2, 8))

# Where the search starts and what is possible at all: half to twice what comparable chips have, or wider.
_START: Final = {
    "spike_density": (0.1, 0.01, 0.6),
    "operation_energy": (2.0, 0.04, 6.0),
    "metadata_width": (5.0, 0.5, 24.0),
    "offset_width": (4.0, 0.0, 24.0),
    "buffer_bandwidth": (16.0, 4.0, 64.0),
}
_ORDER = 5.0  # weight of formats in the wrong order, next to errors of energy and cycles
_GAP = 0.005  # formats whose energies lie that far apart are in order
_STEP = 1e-3  # mappings change in jumps; derivatives look past the small ones


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
    study: Study, table: Table, settings: Sequence[Setting], mapping: MappingChoice = "best"
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


def with_fitted(study: Study, numbers: Sequence[float]) -> Study:
    """The study with other fitted numbers, in the order of `Fitted`."""
    old = study.chip.fitted
    new = {
        name: getattr(old, name).model_copy(update={"value": float(value)})
        for name, value in zip(_START, numbers, strict=True)
    }
    return replace(study, chip=study.chip.model_copy(update={"fitted": Fitted(**new)}))


def _fitted(study: Study, table: Table, settings: Sequence[Setting]) -> Study:
    """From the start under frozen mappings, which make no jumps, and from there under the best ones."""
    start, low, high = (np.array(column) for column in zip(*_START.values(), strict=True))
    numbers = start
    for mapping in ("frozen", "best"):

        def residuals(numbers: Amount, mapping: MappingChoice = mapping) -> Amount:
            found = errors(with_fitted(study, numbers.tolist()), table, settings, mapping)
            return np.concatenate([found.ravel(), _ORDER * _disorder(found[0], table, settings)])

        found = least_squares(
            residuals, numbers, bounds=(low, high), x_scale=start, diff_step=_STEP, max_nfev=60
        )
        numbers = found.x
    return with_fitted(study, numbers.tolist())


def _disorder(energy_errors: Amount, table: Table, settings: Sequence[Setting]) -> Amount:
    """By how much neighbours in the published order of formats miss half of their gap, or `_GAP` of it."""
    published = np.array(
        [[table[setting, name, "mean"].energy_uj for name in FORMATS] for setting in settings]
    )
    order = np.argsort(published, axis=1)
    theirs = np.take_along_axis(published, order, axis=1)
    ours = np.take_along_axis(published * (1.0 + energy_errors.reshape(published.shape)), order, axis=1)
    wanted, got = (table[:, 1:] / table[:, :-1] - 1.0 for table in (theirs, ours))
    return np.maximum(0.0, np.minimum(_GAP, wanted / 2.0) - got).ravel()


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
