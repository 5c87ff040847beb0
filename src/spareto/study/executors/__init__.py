"""Who carries the trials of a study out, one file each: this process, a pool of processes, a cluster."""

from spareto.core.registry import Registry
from spareto.study.executors._base import Executor

registry = Registry("spareto.study.executors", Executor, "executor")  # pyright: ignore[reportAbstractUsage]
