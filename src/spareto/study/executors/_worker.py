"""A worker of the local pool: a process that gets claimed tasks one by one and puts their trials."""

from __future__ import annotations

import os
import threading
import traceback
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import torch

from spareto.core.errors import InputError, SparetoError
from spareto.study.executors._sharing import received
from spareto.study.listener import StudyListener
from spareto.training.memory import keep_large_blocks


class Telling(StudyListener):
    """Sends what it hears to the study's process.

    Args:
        to: Who listens there.
    """

    def __init__(self, to: Connection) -> None:
        for event in ("noted", "training_begins", "epoch_ends", "layer_is_silent", "layers_ran"):
            setattr(self, event, partial(_tell, to, event))


def _tell(to: Connection, what: str, *said: Any) -> None:
    to.send(("told", what, said))


def main(talk: int, life: int, data: int) -> None:
    """Work until the study's process is gone or has nothing more to do.

    Args:
        talk: Handle of the line to the study's process.
        life: Handle of a pipe that ends with it.
        data: Handle of the file with the data.
    """
    threading.Thread(target=_die_with, args=(life,), daemon=True).start()
    line = Connection(talk)
    given: Any = line.recv()
    if given["cores"]:
        os.sched_setaffinity(0, given["cores"])
    try:
        torch.set_num_threads(given["threads"])
        keep_large_blocks()
        known = given["handed"].study(received(data, given["pickled"], given["spans"]), Telling(line))
        line.send(("ready",))
        while (claim := line.recv()) is not None:
            made = known.made(claim)
            line.send(("done", made) if made is not None else ("lost", None))
        known.heart.close()
        known.store.close()
    except EOFError:
        return
    except BaseException as error:
        line.send(("failed", *carried(error)))


def carried(error: BaseException) -> tuple[type[BaseException], Any]:
    """An error as its class and what it is made of; of one that is not ours, all that is known."""
    if isinstance(error, InputError):
        return type(error), error.problems
    if isinstance(error, SparetoError | MemoryError):
        return type(error), str(error)
    return RuntimeError, "".join(traceback.format_exception(error))


def _die_with(life: int) -> None:
    """End at once when nobody holds the other end any more: the study's process was killed."""
    while os.read(life, 1):
        pass
    os._exit(1)
