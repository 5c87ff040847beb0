"""Who carries the trials of a study out, one file each: this process, a pool of processes, a cluster."""

from __future__ import annotations

from spareto.core.arguments import whole
from spareto.core.errors import ConfigError, Problem
from spareto.core.limits import MOST_WORKERS
from spareto.core.registry import Registry
from spareto.study.executors._base import Executor as Executor

registry = Registry("spareto.study.executors", Executor, "executor")  # pyright: ignore[reportAbstractUsage]


def chosen(name: str | None, workers: int = 1, threads: int | None = None) -> Executor | None:
    """The executor that a command asks for; None for this process as it is.

    Args:
        name: `inline`, `local` or `ray`; left out, `local` for several workers.
        workers: Trials that run at once.
        threads: Threads of each; None for the cores, shared out.

    Raises:
        ConfigError: There cannot be so many, or not with this executor.
        UnknownName: There is no such executor.
    """
    for where, number in (("workers", workers), ("threads", threads)):
        if number is not None:
            whole(number, where, 1, MOST_WORKERS)
    if name == "inline" and workers > 1:
        cure = "Leave --executor out, or choose local or ray."
        raise ConfigError(Problem("workers", str(workers), "1 in this process", cure))
    if name is None and workers == 1 and threads is None:
        return None
    made = name or ("local" if workers > 1 else "inline")
    return registry.make(made, workers=workers, threads=threads)
