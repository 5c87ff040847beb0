"""One trial after the other, in this process."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from spareto.study.executors._base import Executor
from spareto.study.known import KnownTrials


class Inline(Executor):
    """This process."""

    @override
    def work(self, known: KnownTrials, keys: Sequence[str]) -> None:
        known.work(keys)
