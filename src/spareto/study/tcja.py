"""The TCJA study trained again: its network, its recipes and its grid, and its figures from our trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from spareto import recipes
from spareto.records import Recipe, TrainingPlan, Workload
from spareto.records.cost import Cost
from spareto.records.data import DataPlan
from spareto.records.trial import Trial
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
from spareto.reproduction.tcja.chip import FORMATS
from spareto.reproduction.tcja.network import StudyPoint
from spareto.reproduction.tcja.reproduce import BITS, TARGETS, Row
from spareto.reproduction.tcja.table import Table
from spareto.study.config import NetworkPlan, StudyConfig
from spareto.study.cost_model import CostModel

FIGURES: Final[Mapping[str, Callable[[StudyFigures], Figure]]] = {
    "energy-by-sparsity": energy_by_sparsity_figure,
    "edp-by-sparsity": edp_by_sparsity_figure,
    "energy-by-bits": bits_figure,
    "activity-by-bits": activity_figure,
    "energy-breakdown": breakdown_figure,
    "sparsity-by-layer": layer_sparsity_figure,
}
SHOWN_FORMAT: Final = "rle"
SHOWN_TARGET: Final = 0.8


@dataclass(frozen=True)
class TcjaGrid:
    """What is trained: the study's own grid, unless said otherwise.

    Args:
        bits: Widths of a weight; 2 and 8 are among them, for the figures show these.
        targets: Shares of the weights that are pruned, beside none.
        epochs: Passes over the training split of the dense network. The study does not say how many.
        recipe_epochs: Passes of each compressed network, 50 in the study.
        timesteps: Frames a recording.
        channels: Output channels of each block.
        hidden: Neurons of the dense layers before the last.
        attention: Blocks followed by attention, counted from 1.
    """

    bits: tuple[int, ...] = tuple(sorted(BITS))
    targets: tuple[float, ...] = TARGETS[1:]
    epochs: int = 200
    recipe_epochs: int = 50
    timesteps: int = 20
    channels: tuple[int, ...] = (128, 128, 128, 128, 128)
    hidden: tuple[int, ...] = (512,)
    attention: tuple[int, ...] = (4, 5)

    @property
    def is_published(self) -> bool:
        """Whether this is the published network, whose numbers ours can stand beside."""
        usual = TcjaGrid()
        return all(
            getattr(self, name) == getattr(usual, name)
            for name in ("timesteps", "channels", "hidden", "attention")
        )

    def recipes(self) -> dict[StudyPoint, Recipe]:
        """A recipe for every setting: quantized by `duq`, rounded by `ewgs`, trained as in the study.

        Reference:
            schaefer2023, section III.
        """
        by = {"quantizer": "duq", "rounding": "ewgs"}
        made = {StudyPoint("joint", 0.0, bits): recipes.quantize(bits, **by) for bits in self.bits}
        for target in self.targets:
            for bits in self.bits:
                made[StudyPoint("joint", target, bits)] = recipes.joint(bits, target, **by)
                made[StudyPoint("cumulative", target, bits)] = recipes.cumulative(bits, target, **by)
        return {point: self._trained(recipe) for point, recipe in made.items()}

    def config(self, data: Path, folder: Path, accelerator: str, seed: int = 0) -> StudyConfig:
        """The study as a configuration; writes its recipes into the run folder.

        Frames are event counts of equally many events, as the network was published with.

        Args:
            data: Folder of DVS128 Gesture; see the data set `dvs_gesture`.
            folder: Run folder.
            accelerator: What the networks are costed on.
            seed: Seed of weights, order and dropout.

        Raises:
            StoreError: A recipe cannot be written.
        """
        paths: list[str] = []
        for point, recipe in self.recipes().items():
            path = folder / "recipes" / f"{point.mode}-{point.target:g}-{point.bits}.json"
            recipe.save(path)
            paths.append(str(path))
        told = {"timesteps": self.timesteps, "bins": "events", "binary": False}
        options = {
            "channels": list(self.channels),
            "hidden": list(self.hidden),
            "attention": list(self.attention),
        }
        dense = TrainingPlan(epochs=self.epochs, batch_size=16, learning_rate=1e-3, warmup_epochs=2)
        return StudyConfig(
            name="tcja",
            data=DataPlan(name="dvs_gesture", options={"root": str(data)}, **told),
            network=NetworkPlan(name="tcja", options={"timesteps": self.timesteps, **options}),
            accelerator=accelerator,
            weight_formats=("none", *FORMATS),
            training=dense.replace(warmup_epochs=min(2, max(self.epochs - 1, 0))),
            recipes=tuple(paths),
            seeds=(seed,),
        )

    def _trained(self, recipe: Recipe) -> Recipe:
        plan = recipe.training
        warm = min(plan.warmup_epochs, max(self.recipe_epochs - 1, 0))
        return recipe.replace(training=plan.replace(epochs=self.recipe_epochs, warmup_epochs=warm))


def rows_of(trials: Sequence[Trial], grid: TcjaGrid, published: Table) -> list[Row]:
    """Every trial of the grid in every format, beside the published row where there is one.

    Args:
        trials: The study's trials.
        grid: What they were trained by.
        published: The published table; may be empty.

    Returns:
        Rows as those of `reproduce_tcja_energy`, with the accuracy on the test split.
    """
    found = {trial.recipe.hash: trial for trial in trials}
    rows: list[Row] = []
    for point, recipe in sorted(grid.recipes().items()):
        trial = found[recipe.hash]
        costs = {cost.weight_format: cost for cost in trial.costs}
        for name in FORMATS:
            row = published.get((point, name, "mean"))
            rows.append(
                {
                    "mode": point.mode,
                    "weight_sparsity_target": point.target,
                    "bits": point.bits,
                    "weight_format": name,
                    "energy_uJ": costs[name].energy_pj * 1e-6,
                    "cycles": costs[name].latency_cycles,
                    "accuracy": trial.accuracy,
                    "weight_sparsity": trial.weight_sparsity,
                    "published_energy_uJ": row.energy_uj if row else None,
                    "published_cycles": row.cycles if row else None,
                    "published_accuracy": row.accuracy if row else None,
                }
            )
    return _at_no_pruning(rows)


def _at_no_pruning(rows: list[Row]) -> list[Row]:
    """Rows of a mode that begins with pruning also begin at none, where both modes are the same."""
    none = [{**row, "mode": "cumulative"} for row in rows if row["weight_sparsity_target"] == 0]
    return sorted([*rows, *none], key=lambda row: (row["mode"], row["weight_sparsity_target"], row["bits"]))


def write_figures(
    trials: Sequence[Trial],
    grid: TcjaGrid,
    rows: Sequence[Row],
    workload: Callable[[Trial], Workload | None],
    config: StudyConfig,
    folder: Path,
) -> tuple[Path, ...]:
    """Draw the study's figures from our trials, published values as open marks.

    Args:
        trials: The study's trials.
        grid: What they were trained by.
        rows: What `rows_of` gives.
        workload: Gives a trial's measured network.
        config: What was carried out; says what the networks are costed on.
        folder: Where the files go.
    """
    figures = _Measured(trials, grid, workload, config).figures(rows)
    return tuple(
        path
        for name, draw in FIGURES.items()
        for path in write_figure(draw, figures, folder / f"tcja-{name}")
    )


class _Measured:
    """What the figures show, of trials."""

    def __init__(
        self,
        trials: Sequence[Trial],
        grid: TcjaGrid,
        workload: Callable[[Trial], Workload | None],
        config: StudyConfig,
    ) -> None:
        found = {trial.recipe.hash: trial for trial in trials}
        self.trials = {point: found[recipe.hash] for point, recipe in grid.recipes().items()}
        self.grid, self.workload = grid, workload
        self.busiest = CostModel.of(config.replace(statistic="max", weight_formats=(SHOWN_FORMAT,)))
        self.target = min(grid.targets, key=lambda target: abs(target - SHOWN_TARGET))

    def figures(self, rows: Sequence[Row]) -> StudyFigures:
        """All of them."""
        pruned, percent = self.target, f"{100 * self.target:g} % pruned"
        ends = (self.grid.bits[-1], self.grid.bits[0])
        return StudyFigures(
            rows=rows,
            bits=self.grid.bits,
            energy_by_bits={
                "every weight stored and computed": self._by_bits(0.0, "none"),
                "zeros of quantization left out": self._by_bits(0.0),
                percent: self._by_bits(pruned),
            },
            activity={
                "maximum activity": self._at_most(0.0),
                "mean activity": self._by_bits(0.0),
                f"maximum activity, {percent}": self._at_most(pruned),
                f"mean activity, {percent}": self._by_bits(pruned),
            },
            components=self._components(
                {
                    f"{bits} bit,\n{text}": self._cost(target, bits)
                    for target, text in ((0.0, "unpruned"), (pruned, percent))
                    for bits in ends
                }
            ),
            layers=[layer.name for layer in next(iter(self.trials.values())).layers],
            sparsity={
                f"{bits} bit, {text}": [layer.weight_sparsity for layer in self._trial(target, bits).layers]
                for target, text in ((0.0, "unpruned"), (pruned, percent))
                for bits in ends
            },
        )

    def _trial(self, target: float, bits: int) -> Trial:
        return self.trials[StudyPoint("joint", target, bits)]

    def _cost(self, target: float, bits: int, name: str = SHOWN_FORMAT) -> Cost:
        return next(cost for cost in self._trial(target, bits).costs if cost.weight_format == name)

    def _by_bits(self, target: float, name: str = SHOWN_FORMAT) -> list[float]:
        return [self._cost(target, bits, name).energy_pj * 1e-6 for bits in self.grid.bits]

    def _at_most(self, target: float) -> list[float]:
        """Energies at the largest activity; not a number where a workload's file is gone."""
        workloads = [self.workload(self._trial(target, bits)) for bits in self.grid.bits]
        return [
            float("nan") if each is None else self.busiest(each)[0].energy_pj * 1e-6 for each in workloads
        ]

    @staticmethod
    def _components(costs: Mapping[str, Cost]) -> dict[str, dict[str, float]]:
        tables: dict[str, dict[str, Any]] = {
            label: cost.energy_by_component() for label, cost in costs.items()
        }
        names = dict.fromkeys(name for table in tables.values() for name in table)
        return {
            label: {name: table.get(name, 0.0) * 1e-6 for name in names} for label, table in tables.items()
        }
