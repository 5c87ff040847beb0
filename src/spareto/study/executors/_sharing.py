"""A study handed to other processes: its data lie once in memory, however many read them."""

from __future__ import annotations

import mmap
import pickle
from dataclasses import dataclass
from typing import IO, Any, Final

from spareto.core.errors import ConfigError, Problem
from spareto.core.scratch import scratch_file, scratch_room
from spareto.study.builders import builder_of
from spareto.study.code import refuse_other_code, training_code
from spareto.study.config import StudyConfig
from spareto.study.cost_model import CostModel
from spareto.study.database.places import StorePlace
from spareto.study.folder import RunFolder
from spareto.study.known import KnownTrials
from spareto.study.listener import StudyListener
from spareto.study.machine import device_named
from spareto.study.splits import StudyData
from spareto.study.store import TrialStore
from spareto.study.trials import TrialRunner

ALIGNED: Final = 64
"""Bytes; where arrays may begin."""


@dataclass(frozen=True)
class Handed:
    """What a worker needs beside the data.

    Args:
        config: The study.
        folder: Its run folder.
        place: Where its store is.
        device: Where it trains.
        code: Whose trials theirs are equal to.
        running: The code of the study's own process; a worker has to run the same.
        base_hash: What every trial starts from; another one there means that files have changed.
        owner: Who has claimed what it is given.
        worker: How it is called.
        lease: Seconds that a claim holds without a heartbeat.
    """

    config: StudyConfig
    folder: RunFolder
    place: StorePlace
    device: str
    code: str
    running: str
    base_hash: str
    owner: str
    worker: str
    lease: float

    @classmethod
    def by(cls, known: KnownTrials, worker: str, device: str | None = None) -> Handed:
        """What a study under way hands out."""
        runner = known.runner
        return cls(
            runner.config,
            runner.folder,
            known.store.place,
            device or runner.device.type,
            runner.code,
            training_code(),
            runner.base_hash,
            known.owner,
            worker,
            known.heart.lease,
        )

    def study(self, data: StudyData, listener: StudyListener) -> KnownTrials:
        """The study, opened in this process.

        Raises:
            ConfigError: The user's files, or spareto's, are not those that the study began with.
        """
        refuse_other_code(self.running)
        config = self.config
        builder, costing = builder_of(config.network), CostModel.of(config)
        device = device_named(self.device)
        runner = TrialRunner(config, data, builder, costing, self.folder, listener, device, self.code)
        if runner.base_hash != self.base_hash:
            cure = "Leave the files of a study as they are while it runs, then start it again."
            got, rule = "another network than when the study began", "the same code and weights"
            raise ConfigError(Problem(f"network of {config.name}", got, rule, cure))
        known = KnownTrials(runner, TrialStore(self.place), lease=self.lease)
        known.owner, known.worker = self.owner, self.worker
        return known


@dataclass(frozen=True)
class SharedData:
    """Data in a file without a name, which goes with the last process that has it open.

    Args:
        file: The arrays.
        pickled: Everything else.
        spans: Where each array begins, and how long it is.
    """

    file: IO[bytes]
    pickled: bytes
    spans: list[tuple[int, int]]


def share(data: StudyData) -> SharedData:
    """Write the arrays of a study's data once for all its workers.

    Raises:
        StoreError: There is no room for them among the temporary files.
    """
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(data, protocol=5, buffer_callback=buffers.append)
    file = scratch_file()  # open as long as the workers
    spans: list[tuple[int, int]] = []
    with scratch_room():
        for buffer in buffers:
            raw = buffer.raw()
            begin = -(-file.tell() // ALIGNED) * ALIGNED
            file.seek(begin)
            file.write(raw)
            spans.append((begin, raw.nbytes))
        file.write(b"\0")  # no mapping is empty
        file.flush()
    return SharedData(file, pickled, spans)


def received(handle: int, pickled: bytes, spans: list[tuple[int, int]]) -> StudyData:
    """The data behind an open file; what this process writes into them, nobody else sees."""
    mapped = memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_COPY))
    found: Any = pickle.loads(pickled, buffers=[mapped[begin : begin + size] for begin, size in spans])
    return found
