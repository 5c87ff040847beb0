"""Ctrl-C: the first lets the running trials finish, a second one stops at once; the store resumes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


class Stopping:
    """Whether a study was asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """End here if it was.

        Raises:
            KeyboardInterrupt: It was.
        """
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def stoppable(stopping: Stopping, told: Callable[[], None]) -> Generator[None]:
    """Take the first Ctrl-C inside the block as a wish; nothing changes in threads, which get no signals.

    Args:
        stopping: Learns of it.
        told: Called at the first one, to say what happens now.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield
        return

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        if stopping.asked:
            raise KeyboardInterrupt
        stopping.asked = True
        told()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
