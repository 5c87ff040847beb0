"""Trials by recipe and seed: taken from the store, or carried out and stored; nothing is done twice."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from torch import nn

from spareto import recipes
from spareto.compression.layers import touched_layers
from spareto.core.errors import Problem
from spareto.records import LayerFilter, Recipe, Trial, Workload
from spareto.study.database.heart import Heart
from spareto.study.database.tasks import LEASE, Claim, LostClaim, Task
from spareto.study.jobs import Job, Stage
from spareto.study.stopping import Stopping
from spareto.study.store import TrialStore
from spareto.study.trials import TrialRunner
from spareto.training import EpochReport, Listener

POLL: Final = 0.5
"""Seconds between two looks at a store whose tasks others have."""

FRESH: Final = 64
"""Keys that are looked for one by one; more are looked for among all."""


class Carrier(Protocol):
    """Carries out the trials of a study; see `spareto.study.executors`."""

    workers: int

    def work(self, known: KnownTrials, keys: Sequence[str]) -> None:
        """Carry out tasks until these trials are there."""

    def close(self) -> None:
        """End whatever was started."""


class KnownTrials:
    """Carries out what is not in the store yet.

    Args:
        runner: Trains, measures and costs.
        store: Where finished trials are.
        executor: Who carries out many trials; this process if left out.
        lease: Seconds that a claim holds without a heartbeat.
    """

    def __init__(
        self, runner: TrialRunner, store: TrialStore, executor: Carrier | None = None, lease: float = LEASE
    ) -> None:
        self.runner, self.store = runner, store
        self.executor = executor
        self.heart, self.stopping = Heart(store.tasks, lease), Stopping()
        self.owner = f"{socket.gethostname()}:{runner.folder.root.resolve()}"
        self.worker = f"process {os.getpid()} on {socket.gethostname()}"
        self._dense: tuple[int, nn.Module] | None = None
        self._asked: dict[str, Task] = {}

    @property
    def workers(self) -> int:
        """How many trials run at once."""
        return 1 if self.executor is None else self.executor.workers

    def close(self) -> None:
        """End workers and heartbeat."""
        if self.executor is not None:
            self.executor.close()
        self.heart.close()
        self.store.tasks.settle(self.owner)

    def dense(self, seed: int) -> nn.Module:
        """The trained dense network of a seed, loaded or trained once; that of the seed before is let go."""
        if self._dense is None or self._dense[0] != seed:
            self._dense = None
            known = self.store.get(self.runner.key(recipes.dense(), seed)) if self.runner.folder.url else None
            self.runner.folder.fetch_dense(self.runner.base_hash, seed, known)
            self._dense = seed, self.runner.dense_network(seed)
        return self._dense[1]

    def layers(self, seed: int) -> list[str]:
        """Names of the layers that recipes can touch, in network order."""
        return list(touched_layers(self.dense(seed), LayerFilter()))

    def workload(self, recipe: Recipe, seed: int) -> Workload:
        """The workload of a trial that is in the store."""
        return Workload.load(self.runner.folder.file("workload", self._stored(recipe, seed)))

    def has(self, recipe: Recipe, seed: int) -> bool:
        """Whether a trial is in the store."""
        return self.runner.key(recipe, seed) in self.store

    def trials(self, wanted: Sequence[tuple[Recipe, int]], stage: Stage = "result") -> tuple[Trial, ...]:
        """The trials of recipes with seeds, as many at once as the executor can; see `trial`.

        Args:
            wanted: What to carry out, in the order the trials are to have.
            stage: What for.
        """
        keys = [self.runner.key(recipe, seed) for recipe, seed in wanted]
        stored = self.store.keys() if len(keys) > FRESH else {key for key in keys if key in self.store}
        fresh: list[Task] = []
        first: dict[str, str] = {}
        for key, (recipe, seed) in zip(keys, wanted, strict=True):
            if key in stored:
                self._reused(recipe, seed, stage)
            else:
                fresh.append(self._task(Job(recipe, seed, stage), {*stored, *keys}, first))
        if fresh:
            self._asked = {task.key: task for task in fresh}
            self.store.tasks.ask(fresh, self.owner)
            (self.executor.work if self.executor else KnownTrials.work)(self, list(self._asked))
        return tuple(self._stored(recipe, seed) for recipe, seed in wanted)

    def trial(
        self,
        recipe: Recipe,
        seed: int,
        stage: Stage = "result",
        watch: Listener | None = None,
    ) -> Trial:
        """The trial of a recipe with a seed; in the store, and costed on the accelerator as it is now.

        Args:
            recipe: What to carry out.
            seed: With which seed.
            stage: What it is for; a trial that showed the way may become a result, never the reverse.
            watch: Is told the validation accuracy after every epoch; what it raises ends the training.
        """
        key = self.runner.key(recipe, seed)
        while key not in self.store:
            self.stopping.check()
            task = self._task(Job(recipe, seed, stage), set(), {})
            claim = self.store.tasks.take(task, self.owner, self.worker, lease=self.heart.lease)
            if claim is None:
                time.sleep(POLL)
            elif (made := self._alone(claim, watch)) is not None:
                return made
        return self._reused(recipe, seed, stage)

    def _alone(self, claim: Claim, watch: Listener | None) -> Trial | None:
        """Carry a task out; one that is given up is cancelled, so that no other worker takes it."""
        try:
            return self.carry_out(claim, watch)
        except BaseException:
            self.store.tasks.cancel(claim.key, self.owner)
            raise

    def carry_out(self, claim: Claim, watch: Listener | None = None) -> Trial | None:
        """Carry a claimed task out and put its trial; None if somebody else took it over meanwhile."""
        made = self.made(claim, watch)
        if made is not None:
            self.runner.listener.trial_ends(made, reused=False)
        return made

    def made(self, claim: Claim, watch: Listener | None = None) -> Trial | None:
        """As `carry_out`, without a report at the end."""
        job = Job.of(claim.job)

        def epoch_ends(report: EpochReport) -> None:
            if self.heart.lost(claim):
                raise LostClaim(Problem(f"trial {claim.key}", "a claim that is lost", "one that holds"))
            if watch is not None:
                watch(report)

        try:
            with self.heart.keeping(claim):
                told = None if watch is None else epoch_ends
                made = self.runner.run(self.dense(job.seed), job.recipe, job.seed, told, epoch_ends)
                made = made.replace(stage=job.stage)
                self.store.put(claim.key, made, claim)
        except LostClaim:
            self.runner.listener.noted(
                (f"{job.recipe.label}, seed {job.seed}: another worker has it by now.",)
            )
            return None
        except BaseException:
            self.store.tasks.release(claim)
            raise
        self.runner.discard_checkpoint(job.recipe, job.seed)
        return made

    def all_stored(self, keys: Sequence[str]) -> bool:
        """Whether every one of these trials is there."""
        return self.store.has_all(keys)

    def work(self, keys: Sequence[str]) -> None:
        """Carry out, one after the other in this process, tasks until these trials are there.

        Raises:
            KeyboardInterrupt: The study was asked to stop, and what was under way is done.
            SparetoError: A trial cannot be carried out.
        """
        while not self.all_stored(keys):
            self.stopping.check()
            claim = self.store.tasks.claim(self.owner, self.worker, lease=self.heart.lease)
            if claim is not None:
                self.carry_out(claim)
            elif not self.all_stored(keys):
                time.sleep(POLL)
                self.ask_again(keys)

    def ask_again(self, keys: Sequence[str]) -> None:
        """Ask for trials whose tasks their former owner has taken back."""
        self.store.tasks.ask([self._asked[key] for key in keys if key in self._asked], self.owner)

    def _task(self, job: Job, there: set[str], first: dict[str, str]) -> Task:
        """A job as a task; it needs the trial that trains what it starts from.

        Args:
            job: What to do.
            there: Keys of the trials that are stored or asked for.
            first: By the key of a shared prefix, the trial that trains it; the job may become one.
        """
        dense = self.runner.key(recipes.dense(), job.seed)
        key = self.runner.key(job.recipe, job.seed)
        prefix = self.runner.prefix(job.recipe, job.seed)
        if prefix is not None and not prefix.there and first.setdefault(prefix.key, key) != key:
            return job.task(key, first[prefix.key])
        return job.task(key, dense if key != dense and dense in there else None)

    def _reused(self, recipe: Recipe, seed: int, stage: Stage) -> Trial:
        """A trial of the store, costed and staged as it is wanted now."""
        known = found = self._stored(recipe, seed)
        if found.manifest.accelerator_hash != self.runner.costing.hash:
            found = self.runner.recost(found)
        if stage == "result" and found.stage != "result":
            found = found.replace(stage="result")
        if found is not known:
            self.store.put(self.runner.key(recipe, seed), found)
        self.runner.discard_checkpoint(recipe, seed)  # also one that a killed run had no time to
        self.runner.listener.trial_ends(found, reused=True)
        return found

    def _stored(self, recipe: Recipe, seed: int) -> Trial:
        found: Any = self.store.get(self.runner.key(recipe, seed))
        return found
