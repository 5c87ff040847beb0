"""A pool of processes on this machine; each has cores of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final

import torch
from typing_extensions import override

from spareto.core.errors import ConfigError, Problem
from spareto.study.database.tasks import Claim
from spareto.study.executors._base import Executor, refuse_deadly
from spareto.study.executors._sharing import Handed, SharedData, share
from spareto.study.known import POLL, KnownTrials

ENDING: Final = 5.0
"""Seconds that a worker with nothing to do has to end."""
BRIEF: Final = 2.0
"""Seconds; where trials take less, the next ones are claimed while workers are busy."""
THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class _Worker:
    number: int
    process: subprocess.Popen[bytes]
    line: Connection
    life: int
    ready: bool = False
    claim: Claim | None = None

    def end(self, *, now: bool) -> None:
        """Let it go, at once if it is wanted now."""
        if now:
            self.process.kill()
        try:
            self.line.send(None)
            self.process.wait(ENDING)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
        self.process.wait()
        self.line.close()
        os.close(self.life)


class Local(Executor):
    """Processes of this machine."""

    def __init__(self, workers: int = 1, threads: int | None = None) -> None:
        if sys.platform == "win32":
            cure = "Leave --workers out; the study then runs in one process."
            raise ConfigError(Problem("workers", str(workers), "1, for Windows hands no files on", cure))
        cores = _cores()
        super().__init__(workers, threads or max(1, len(cores) // workers))
        assert self.threads is not None
        pinned = workers * self.threads <= len(cores) and hasattr(os, "sched_setaffinity")
        self._cores = [
            cores[n * self.threads : (n + 1) * self.threads] if pinned else [] for n in range(workers)
        ]
        self._pool: dict[int, _Worker] = {}
        self._ahead: list[Claim] = []
        self._brief = False
        self._shared: SharedData | None = None

    @override
    def work(self, known: KnownTrials, keys: Sequence[str]) -> None:
        try:
            self._start_all(known, len(keys))
            while self._busy() or not known.all_stored(keys):
                self._step(known, keys)
            self._let_go(known)
        except BaseException:
            self._ahead = []  # the study takes them back when it closes
            self._end(now=True)
            raise

    def _start_all(self, known: KnownTrials, trials: int) -> None:
        """Let every worker that there will be work for load, while the first trains the dense network."""
        for number in range(min(self.workers, trials)):
            if number not in self._pool:
                self._start(known, number)

    def _busy(self) -> bool:
        return any(worker.claim is not None for worker in self._pool.values())

    def _step(self, known: KnownTrials, keys: Sequence[str]) -> None:
        """Give out what can be had, then hear what the workers say."""
        if known.stopping.asked:
            self._let_go(known)
        else:
            self._give_out(known)
        if not self._busy():
            known.stopping.check()
            known.ask_again(keys)
        for line in wait([worker.line for worker in self._pool.values()], POLL):
            (worker,) = (each for each in self._pool.values() if each.line is line)
            self._hear(known, worker)

    def _give_out(self, known: KnownTrials) -> None:
        for number in range(self.workers):
            worker = self._pool.get(number)
            if worker is not None and worker.claim is not None:
                continue
            claim = self._ahead.pop(0) if self._ahead else self._claimed(known, f"worker {number + 1}")
            if claim is None:
                return
            self._give(known, claim, number)
        while self._brief and len(self._ahead) < self.workers:
            claim = self._claimed(known, "the next one that is free")
            if claim is None:
                return
            self._ahead.append(claim)

    def _claimed(self, known: KnownTrials, worker: str) -> Claim | None:
        """The next task, which this process keeps alive until its worker does; None if there is none."""
        claim = known.store.tasks.claim(known.owner, worker, lease=known.heart.lease)
        if claim is None:
            return None
        try:
            refuse_deadly(claim)
        except BaseException:
            known.store.tasks.release(claim)
            raise
        known.heart.add(claim)
        return claim

    def _give(self, known: KnownTrials, claim: Claim, number: int) -> None:
        try:
            worker = self._pool.get(number) or self._start(known, number)
            worker.claim = claim
            worker.line.send(claim)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what it has to say, or that it died, is heard
        except BaseException:
            known.store.tasks.release(claim)
            raise

    def _let_go(self, known: KnownTrials) -> None:
        """Give back what no worker has begun."""
        while self._ahead:
            claim = self._ahead.pop()
            known.heart.drop(claim)
            known.store.tasks.release(claim)

    def _hear(self, known: KnownTrials, worker: _Worker) -> None:
        try:
            what, *said = worker.line.recv()
        except (EOFError, OSError):
            self._bury(known, worker)
            return
        if what == "told":
            name, arguments = said
            getattr(known.runner.listener.of_worker(worker.number), name)(*arguments)
        elif what == "failed":
            kind, content = said
            raise kind(content)
        elif worker.claim is not None and what in ("done", "lost"):
            claim, worker.claim = worker.claim, None
            if self._ahead and not known.stopping.asked:
                self._give(known, self._ahead.pop(0), worker.number)  # first of all: it waits
            known.heart.drop(claim)
            (made,) = said
            if made is not None:
                self._brief = made.seconds < BRIEF
                known.runner.listener.trial_ends(made, reused=False)

    def _bury(self, known: KnownTrials, worker: _Worker) -> None:
        """A worker died: another one goes on with its trial."""
        del self._pool[worker.number]
        worker.end(now=True)
        code = worker.process.returncode
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        label = "" if worker.claim is None else f", in the middle of {worker.claim.job['label']}"
        known.runner.listener.noted((f"Worker {worker.number + 1} ended {how}{label}.",))
        if worker.claim is not None:
            known.heart.drop(worker.claim)
            known.store.tasks.release(worker.claim, failed=True)

    def _start(self, known: KnownTrials, number: int) -> _Worker:
        self._shared = self._shared or share(known.runner.data)
        ours, theirs = socket.socketpair()
        alive, held = os.pipe()
        data = self._shared.file.fileno()
        handles = (theirs.fileno(), alive, data)
        code = f"from spareto.study.executors._worker import main; main{handles}"
        flags = [f"-W{each}" for each in sys.warnoptions]
        with _deaf():
            process = subprocess.Popen(
                [sys.executable, *flags, "-c", code],
                pass_fds=handles,
                stdin=subprocess.DEVNULL,
                env=self._environment(known, number),
            )
        theirs.close()
        os.close(alive)
        line = Connection(ours.detach())
        name = f"worker {number + 1}, process {process.pid} on {socket.gethostname()}"
        line.send(
            {
                "cores": self._cores[number],
                "threads": self.threads,
                "handed": Handed.by(known, name),
                "pickled": self._shared.pickled,
                "spans": self._shared.spans,
            }
        )
        self._pool[number] = _Worker(number, process, line, held)
        return self._pool[number]

    def _environment(self, known: KnownTrials, number: int) -> dict[str, str]:
        found = {**os.environ, **dict.fromkeys(THREADS, str(self.threads))}
        found["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        if known.runner.device.type == "cuda":
            own = os.environ.get("CUDA_VISIBLE_DEVICES")
            devices = own.split(",") if own else [str(n) for n in range(torch.cuda.device_count())]
            found["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
        return found

    def _end(self, *, now: bool) -> None:
        for worker in self._pool.values():
            worker.end(now=now)
        self._pool = {}

    @override
    def close(self) -> None:
        self._end(now=False)
        if self._shared is not None:
            self._shared.file.close()
            self._shared = None


class _deaf:  # noqa: N801 - a block
    """Ctrl-C is ignored inside the block, and by what is started there."""

    def __enter__(self) -> None:
        self._main = threading.current_thread() is threading.main_thread()
        self._before: Any = signal.signal(signal.SIGINT, signal.SIG_IGN) if self._main else None

    def __exit__(self, *_error: object) -> None:
        if self._main:
            signal.signal(signal.SIGINT, self._before)


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
