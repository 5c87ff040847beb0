"""`spareto study run`."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

from spareto.cli import numbers
from spareto.cli.console import Console, Flag
from spareto.cli.front import print_front
from spareto.study.config import StudyConfig

if TYPE_CHECKING:
    from spareto.study.run import Where


class Told(TypedDict):
    """How a study's progress is shown; see `spareto.cli.progress.telling`."""

    quiet: bool
    tensorboard: Path | None
    plain: bool
    json: bool


def run(
    config: Path,
    /,
    *,
    out: Path | None = None,
    device: str = "cpu",
    tensorboard: Path | None = None,
    workers: Annotated[int, numbers.workers()] = 1,
    threads: Annotated[int | None, numbers.workers()] = None,
    executor: str | None = None,
    store: str | None = None,
    artifacts: str | None = None,
    plain: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
    wait: Flag = False,
    mix_versions: Flag = False,
) -> None:
    """Train what is missing, store each finished trial at once, and end with a report.

    The report page is written while the study runs, too, at most once a minute.
    A study that was stopped is carried on by the same command. Ctrl-C finishes the running trials; a second
    one stops at once.

    Args:
        config: Study file, YAML.
        out: Run folder; runs/NAME if left out.
        device: Where networks are trained: cpu, cuda, or auto for a GPU if there is one.
        tensorboard: Folder for TensorBoard's files, one folder a training in it.
        workers: Trials that run at once, each in a process with cores of its own.
        threads: Threads of each; the cores, shared out, if left out. Numbers repeat for the same threads.
        executor: Who runs them: inline, local (for several workers) or ray, which needs the extra 'ray'.
        store: Keep the trials in a PostgreSQL database, postgresql://user@host/database.
        artifacts: Keep the files of trials in a folder that other machines reach, too; any URL of fsspec.
        plain: Show lines instead of bars on a terminal, too.
        json: Print a line of JSON for everything that happens, and nothing else, on stdout.
        quiet: Show no progress.
        wait: Wait for another process that writes to the run folder, instead of refusing.
        mix_versions: Go on with trials that another version of spareto, torch or numpy made.
    """
    from spareto.cli.side_by_side import print_side_by_side
    from spareto.study.executors import chosen
    from spareto.study.parts import parts_of, take_over

    plan = StudyConfig.load(config)
    folder = out or Path("runs") / plan.name
    where: Where = {
        "store": store,
        "artifacts": artifacts,
        "executor": chosen(executor, workers, threads),
        "mix_versions": mix_versions,
    }
    told: Told = {"quiet": quiet, "tensorboard": tensorboard, "plain": plain, "json": json}
    parts = parts_of(plan, folder)
    for part in parts:
        take_over(part, store, artifacts)
        _train(part.config, part.folder, device, where, told, wait=wait)
        _report(part.config, part.folder, json=json)
    if len(parts) > 1 and not json:
        print_side_by_side(parts, folder)


def _report(plan: StudyConfig, folder: Path, *, json: bool) -> None:
    """Write the report and show the front."""
    from spareto.study.report import write_report
    from spareto.study.writer import unmoved

    with unmoved(folder):
        paths = write_report(folder)
        if json:
            print(json_module.dumps({"event": "study ends", "report": str(paths.report)}))
            return
        print_front(folder)
        console = Console(soft_wrap=True)
        _tell_package(console, plan, folder)
        console.print(f"Report: {paths.report}")


def _tell_package(console: Console, plan: StudyConfig, folder: Path) -> None:
    """Lower the knee of the front, and say how it is used."""
    from spareto.data.own import load_data
    from spareto.study.packages import package_run

    data = load_data(plan.data)
    made = package_run(folder, data.train_frames, data.test_frames, data.test_labels)
    seed = f", seed {made.seed}" if len(plan.seeds) > 1 else ""
    console.print(f"Knee of the front: {made.label}{seed}")
    console.print("    import spareto")
    console.print(f'    network = spareto.load_network("{folder}")')
    if made.package is None:
        console.print(f"It has no integers: {made.why}")
        return
    console.print(f"In integers: {made.package}")
    recordings = " ".join(map(str, made.recordings)) or "RECORDING"
    console.print(f"    spareto run {made.package} {recordings}")


def _train(
    plan: StudyConfig,
    folder: Path,
    device: str,
    where: Where,
    told: Told,
    *,
    wait: bool,
) -> None:
    from spareto.cli.pages import StudyPages
    from spareto.cli.progress import telling
    from spareto.study.run import run_study
    from spareto.training.memory import keep_large_blocks

    keep_large_blocks()
    with telling(**told) as listener:
        run_study(plan, folder, StudyPages(folder, listener), device, wait=wait, **where)
