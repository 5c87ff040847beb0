"""The heartbeat of claims: renews them from a thread of its own, and knows which were lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager

from spareto.core.errors import StoreError
from spareto.study.database.tasks import LEASE, Claim, Tasks

_log = logging.getLogger("spareto")


class Heart:
    """Keeps claims alive while their trials are under way.

    Args:
        tasks: Where they are.
        lease: Seconds a claim holds; it is renewed four times as often.
    """

    def __init__(self, tasks: Tasks, lease: float = LEASE) -> None:
        self._tasks, self.lease = tasks, lease
        self._held: dict[str, Claim] = {}
        self._lost: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ended = False

    @contextmanager
    def keeping(self, claim: Claim) -> Generator[None]:
        """Keep a claim alive inside the block."""
        self.add(claim)
        try:
            yield
        finally:
            self.drop(claim)

    def add(self, claim: Claim) -> None:
        """Keep a claim alive from now on."""
        with self._changed:
            self._held[claim.token] = claim
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="spareto-heart", daemon=True)
                self._thread.start()

    def drop(self, claim: Claim) -> None:
        """Renew it no more."""
        with self._changed:
            self._held.pop(claim.token, None)
            self._lost.discard(claim.token)

    def lost(self, claim: Claim) -> bool:
        """Whether somebody else has taken it over."""
        return claim.token in self._lost

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _beat(self) -> None:
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._ended, self.lease / 4):
                    return
                held = dict(self._held)
            try:
                alive = self._tasks.beat(list(held.values()), lease=self.lease)
            except StoreError as error:  # what puts the trial will say it, if it lasts
                _log.info("spareto: no heartbeat: %s", error)
                continue
            with self._changed:
                self._lost |= (held.keys() - alive) & self._held.keys()
