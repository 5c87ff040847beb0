"""Write the figures of the TCJA study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from spareto.records.workload import Statistic
from spareto.reports.figures.style import write_figure
from spareto.reports.figures.tcja import (
    StudyFigures,
    activity_figure,
    bits_figure,
    breakdown_figure,
    edp_by_sparsity_figure,
    energy_by_sparsity_figure,
    layer_sparsity_figure,
)
from spareto.reproduction.tcja import Study, StudyPoint, cost_network
from spareto.reproduction.tcja.reproduce import BITS, Row

_FIGURES: Final = {
    "tcja-energy-by-sparsity": energy_by_sparsity_figure,
    "tcja-edp-by-sparsity": edp_by_sparsity_figure,
    "tcja-energy-by-bits": bits_figure,
    "tcja-energy-breakdown": breakdown_figure,
    "tcja-sparsity-by-layer": layer_sparsity_figure,
    "tcja-activity": activity_figure,
}
_FORMAT = "rle"  # the best one almost everywhere
_UNPRUNED, _PRUNED = 0.0, 0.8


def write_tcja_figures(rows: Sequence[Row], folder: str | Path) -> tuple[Path, ...]:
    """Write every figure of the study as PNG and SVG; the same rows give the same bytes.

    Args:
        rows: The grid, as `reproduce_tcja_energy` gives it.
        folder: Where the files go; made if missing.
    """
    figures = _figures(rows, Study.load())
    return tuple(
        path for name, draw in _FIGURES.items() for path in write_figure(draw, figures, Path(folder) / name)
    )


def _figures(rows: Sequence[Row], study: Study) -> StudyFigures:
    return StudyFigures(
        rows=rows,
        bits=BITS,
        energy_by_bits={
            "every weight stored and computed": _by_bits(study, _UNPRUNED, weight_zeros=False),
            "zeros of quantization left out": _by_bits(study, _UNPRUNED),
            "80 % pruned": _by_bits(study, _PRUNED),
        },
        activity={
            "maximum activity": _by_bits(study, _UNPRUNED, statistic="max"),
            "mean activity": _by_bits(study, _UNPRUNED),
            "maximum activity, 80 % pruned": _by_bits(study, _PRUNED, statistic="max"),
            "mean activity, 80 % pruned": _by_bits(study, _PRUNED),
        },
        components={
            f"{bits} bit,\n{text}": _components(study, StudyPoint("joint", target, bits))
            for target, text in ((_UNPRUNED, "unpruned"), (_PRUNED, "80 % pruned"))
            for bits in (8, 4, 2)
        },
        layers=[layer.name.replace("_", "-") for layer in study.network.layers],
        sparsity={
            label: list(study.network.sparsity(StudyPoint("joint", target, bits)))
            for label, target, bits in (
                ("4 bit", 0.0, 4),
                ("2 bit", 0.0, 2),
                ("80 % pruned", 0.8, 8),
                ("90 % pruned", 0.9, 8),
            )
        },
    )


def _by_bits(
    study: Study, target: float, *, statistic: Statistic = "mean", weight_zeros: bool = True
) -> list[float]:
    points = [(StudyPoint("joint", target, bits), _FORMAT) for bits in BITS]
    cost = cost_network(study, points, statistic=statistic, weight_zeros=weight_zeros)
    return [float(energy) * 1e-6 for energy in cost.total_pj]


def _components(study: Study, setting: StudyPoint) -> dict[str, float]:
    cost = cost_network(study, [(setting, _FORMAT)])
    return {name: float(energy[0]) * 1e-6 for name, energy in cost.energy_pj.items()}
