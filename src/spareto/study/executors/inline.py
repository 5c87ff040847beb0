"""One trial after the other, in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import override

from spareto.study.executors._base import POLL, Executor

if TYPE_CHECKING:
    from spareto.study.known import KnownTrials


class Inline(Executor):
    """This process."""

    @override
    def work(self, known: KnownTrials, keys: Sequence[str]) -> None:
        while not known.all_stored(keys):
            known.stopping.check()
            claim = known.store.tasks.claim(known.owner, known.worker, lease=known.heart.lease)
            if claim is not None:
                known.carry_out(claim)
            elif not known.all_stored(keys):
                time.sleep(POLL)
                known.ask_again(keys)
