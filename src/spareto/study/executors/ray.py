"""A Ray cluster: each trial is a task that takes the processor cores or the GPU it needs, on any node.

The nodes must reach the store and the files: a run folder on a disk they share, or both `--store` and
`--artifacts`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from typing_extensions import override

from spareto.core.artifacts import written
from spareto.core.extras import imported
from spareto.study.database.tasks import Claim
from spareto.study.executors._base import Executor, refuse_deadly
from spareto.study.executors._sharing import Handed
from spareto.study.executors._worker import carried
from spareto.study.known import POLL, KnownTrials
from spareto.study.listener import StudyListener
from spareto.training.memory import keep_large_blocks

if TYPE_CHECKING:
    from spareto.study.splits import StudyData

ADDRESS: Final = "RAY_ADDRESS"
"""Environment variable that names the cluster; without it Ray starts one on this machine."""

AHEAD: Final = 2
"""Tasks that are handed to Ray for each core or GPU of the cluster, so that none waits for the next."""

_opened: dict[str, KnownTrials] = {}


class Ray(Executor):
    """Tasks on a Ray cluster.

    Args:
        workers: Trials at once; 1, the default, means as many as the cluster has room for.
        threads: Threads of a trial, and the cores that are asked for; 1 if left out.
    """

    def __init__(self, workers: int = 1, threads: int | None = None) -> None:
        super().__init__(workers, threads or 1)
        self._ray = _module()
        self._began = False
        self._handed: tuple[Any, Any] | None = None
        self._under: dict[Any, Claim] = {}

    @override
    def work(self, known: KnownTrials, keys: Sequence[str]) -> None:
        self._begin(known)
        try:
            while self._under or not known.all_stored(keys):
                if not known.stopping.asked:
                    self._give_out(known)
                if not self._under:
                    known.stopping.check()
                    known.ask_again(keys)
                self._hear(known)
        except BaseException:
            for task in self._under:
                self._ray.cancel(task, force=True)
            self._under = {}
            raise

    def _begin(self, known: KnownTrials) -> None:
        if not self._ray.is_initialized():
            address = os.environ.get(ADDRESS)
            # the nodes import what this process imports
            found = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
            self._ray.init(
                address=address,
                log_to_driver=False,
                include_dashboard=None if address else False,
                logging_level="ERROR",
                runtime_env={"env_vars": found},
            )
            self._began = True
        if self._handed is None:
            handed = Handed.by(known, "", known.runner.device.type)
            self._handed = self._ray.put(known.runner.data), self._ray.put(handed)
            on_gpu = known.runner.device.type == "cuda"
            self._task = self._ray.remote(_carry_out).options(
                num_cpus=self.threads, num_gpus=1 if on_gpu else 0, max_retries=0
            )
            self._resource, self._each = ("GPU", 1) if on_gpu else ("CPU", self.threads or 1)

    def _room(self) -> int:
        if self.workers > 1:
            return self.workers
        return max(1, int(AHEAD * self._ray.cluster_resources().get(self._resource, 1) // self._each))

    def _give_out(self, known: KnownTrials) -> None:
        assert self._handed is not None
        for _ in range(self._room() - len(self._under)):
            claim = known.store.tasks.claim(known.owner, "ray", lease=known.heart.lease)
            if claim is None:
                return
            refuse_deadly(claim)
            known.heart.add(claim)
            data, handed = self._handed
            self._under[self._task.remote(data, handed, claim, self.threads)] = claim

    def _hear(self, known: KnownTrials) -> None:
        ended, _ = self._ray.wait(list(self._under), timeout=POLL) if self._under else ([], [])
        for task in ended:
            claim = self._under.pop(task)
            known.heart.drop(claim)
            try:
                failed, made = self._ray.get(task)
            except (self._ray.exceptions.RayError, OSError) as error:
                label = claim.job.get("label", claim.key)
                said = str(error).splitlines()[0][:160]
                known.runner.listener.noted((f"{label}: its worker ended ({said}); another one takes it.",))
                known.store.tasks.release(claim, failed=True)
                continue
            if failed is not None:
                kind, content = failed
                raise kind(content)
            trial = known.store.get(claim.key) if made else None
            if trial is not None:
                known.runner.listener.trial_ends(trial, reused=False)

    @override
    def close(self) -> None:
        if self._began:
            self._ray.shutdown()
            self._began = False
        self._handed = None


def _carry_out(data: StudyData, handed: Handed, claim: Claim, threads: int) -> tuple[Any, bool]:
    """On a node: carry a task out and put its trial; an error as its parts, and whether it was put."""
    try:
        known = _study(data, handed, threads)
        return None, known.made(claim) is not None
    except Exception as error:
        return carried(error), False


def _study(data: StudyData, handed: Handed, threads: int) -> KnownTrials:
    """The study, opened once in a worker process; it keeps the dense network of the last seed."""
    key = f"{handed.owner} {handed.base_hash}"
    if key not in _opened:
        torch.set_num_threads(threads)
        keep_large_blocks()
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # Ray's memory is shared
        root = Path(handed.folder.root)
        with written(root):
            root.mkdir(parents=True, exist_ok=True)  # a node without the disk has its own
        _opened.clear()
        _opened[key] = handed.study(data, StudyListener())
    return _opened[key]


def _module() -> Any:
    cure = "Install it: pip install 'spareto[ray]'."
    return imported("ray", "executor", "ray", "the package ray", cure)
