"""`spareto reproduce tcja`: the TCJA study trained again on DVS128 Gesture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from spareto.cli import numbers
from spareto.cli.console import Console, Flag, framed, print_json
from spareto.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from spareto.records.trial import Trial
    from spareto.reproduction.tcja.reproduce import Row
    from spareto.study.config import StudyConfig
    from spareto.study.tcja import TcjaGrid


@Parameter(name="*")
@dataclass(frozen=True)
class GridWords:
    """What is trained; the study's own grid, unless said otherwise.

    Args:
        bits: Widths of a weight.
        sparsity: Shares of the weights that are pruned.
        epochs: Passes over the training split of the dense network.
        recipe_epochs: Passes of each compressed network.
        channels: Output channels of each block; the attention stands behind the last two.
        hidden: Neurons of the dense layers before the last.
        timesteps: Frames a recording.
    """

    bits: str = "2,3,4,6,8"
    sparsity: str = "0.75,0.8,0.85,0.9,0.925,0.95,0.975"
    epochs: Annotated[int, numbers.count()] = 200
    recipe_epochs: Annotated[int, numbers.count(0)] = 50
    channels: str = "128,128,128,128,128"
    hidden: str = "512"
    timesteps: Annotated[int, numbers.count(most=1000)] = 20

    def grid(self) -> TcjaGrid:
        """The grid these words mean.

        Raises:
            ConfigError: A list is none, or the two widths that the figures show are not among the bits.
        """
        from spareto.study.tcja import TcjaGrid

        blocks = tuple(_numbers(self.channels, "channels", int))
        grid = TcjaGrid(
            bits=tuple(sorted(_numbers(self.bits, "bits", int))),
            targets=tuple(sorted(_numbers(self.sparsity, "sparsity", float))),
            epochs=self.epochs,
            recipe_epochs=self.recipe_epochs,
            timesteps=self.timesteps,
            channels=blocks,
            hidden=tuple(_numbers(self.hidden, "hidden", int)),
            attention=tuple(range(max(1, len(blocks) - 1), len(blocks) + 1)),
        )
        if not {2, 8} <= set(grid.bits):
            cure = "The study's figures show these two."
            raise ConfigError(Problem("--bits", self.bits, "2 and 8 among them", cure))
        return grid


def tcja(
    *,
    data: Path,
    out: Path = Path("runs/tcja"),
    table: Path | None = None,
    words: GridWords = GridWords(),
    accelerator: str = "eyeriss_like",
    seed: Annotated[int, numbers.seed()] = 0,
    device: str = "cpu",
    workers: Annotated[int, numbers.workers()] = 1,
    threads: Annotated[int | None, numbers.workers()] = None,
    plain: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> None:
    """Train TCJA-SNN on DVS128 Gesture, and all of the study's grid; cost it, and draw the study's figures.

    With the defaults it is the published network, optimizer, schedule, quantizer and grid: 75 compressed
    networks of 50 epochs each. Stop it whenever you like; the same command carries on. What the study does
    not say is ours: how long the dense network trains, and the accelerator. Published numbers stand beside
    those of the published network alone.

    Args:
        data: Folder of DVS128 Gesture: the original, or as SpikingJelly or Tonic keep it.
        out: Run folder; the figures go into its folder figures.
        table: The published table, a CSV; without it the one in SPARETO_REFERENCE or ../shared/reference.
        words: What is trained.
        accelerator: What the networks are costed on.
        seed: Seed of weights, order and dropout.
        device: Where networks are trained: cpu, cuda or auto.
        workers: Trials that run at once.
        threads: Threads of each.
        plain: Show lines instead of bars on a terminal, too.
        json: Print JSON, one row a setting and format.
        quiet: Show no progress.
    """
    grid = words.grid()
    config = grid.config(data, out, accelerator, seed)
    trials = _trained(config, out, device, workers, threads, plain=plain, quiet=quiet or json)
    rows, drawn = _written(trials, grid, config, out, table)
    if json:
        print_json(rows)
        return
    _print(rows)
    dense = next(trial.accuracy for trial in trials if not trial.recipe.steps)
    console = Console(soft_wrap=True)
    console.print(f"Dense network: {_percent(dense)} of the test recordings are right.")
    console.print(f"{drawn} figures in {out / 'figures'}")


def _trained(
    config: StudyConfig,
    out: Path,
    device: str,
    workers: int,
    threads: int | None,
    *,
    plain: bool,
    quiet: bool,
) -> tuple[Trial, ...]:
    from spareto.cli.progress import telling
    from spareto.study.executors import chosen
    from spareto.study.run import run_study

    with telling(quiet=quiet, tensorboard=None, plain=plain, json=False) as listener:
        return run_study(config, out, listener, device, executor=chosen(None, workers, threads))


def _written(
    trials: Sequence[Trial], grid: TcjaGrid, config: StudyConfig, out: Path, table: Path | None
) -> tuple[list[Row], int]:
    """The rows, and how many figures were drawn of them."""
    from spareto.reproduction.tcja.table import find_table, read_table
    from spareto.study.files import StudyFiles
    from spareto.study.folder import RunFolder
    from spareto.study.tcja import rows_of, write_figures

    place = table or find_table()
    rows = rows_of(trials, grid, read_table(place) if place and grid.is_published else {})
    files = StudyFiles(RunFolder(out))
    return rows, len(write_figures(trials, grid, rows, files.workload, config, out / "figures"))


def _numbers(text: str, name: str, kind: Any) -> list[Any]:
    try:
        found = [kind(each) for each in text.split(",")]
    except ValueError:
        rule = "numbers with commas between them"
        raise ConfigError(Problem(f"--{name}", repr(text), rule, f"Write --{name} 2,8.")) from None
    if len(set(found)) < len(found) and name in ("bits", "sparsity"):
        raise ConfigError(Problem(f"--{name}", repr(text), "every number once", "Remove the other."))
    return found


def _print(rows: Sequence[Row]) -> None:
    console = Console()
    for mode in dict.fromkeys(row["mode"] for row in rows):
        heads = ["pruned", "bits", "accuracy", "study", "energy, µJ", "study", "format"]
        table = framed([], heads, f"{mode}: in the format of least energy")
        settings = dict.fromkeys(
            (row["weight_sparsity_target"], row["bits"]) for row in rows if row["mode"] == mode
        )
        for target, bits in settings:
            some = [
                row
                for row in rows
                if (row["mode"], row["weight_sparsity_target"], row["bits"]) == (mode, target, bits)
            ]
            best = min(some, key=lambda row: row["energy_uJ"])
            theirs = [row for row in some if row["published_energy_uJ"] is not None]
            least = min((row["published_energy_uJ"] for row in theirs), default=None)
            table.add_row(
                _percent(target),
                str(bits),
                _percent(best["accuracy"]),
                _percent(best["published_accuracy"]),
                f"{best['energy_uJ']:,.3g}",
                "" if least is None else f"{least:,.0f}",
                best["weight_format"],
            )
        console.print(table)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
