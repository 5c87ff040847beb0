"""Ctrl-C and SIGTERM: the first lets running trials finish, a second one stops at once; the store resumes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
UNTOUCHED: Final = (signal.default_int_handler, signal.SIG_DFL)
"""Handlers that nobody has set."""


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
    """Take the first signal inside the block as a wish; nothing changes in threads, which get no signals.

    Args:
        stopping: Learns of it.
        told: Called at the first one, to say what happens now.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        if stopping.asked:
            raise KeyboardInterrupt
        stopping.asked = True
        told()

    ours = {each: handler for each in SIGNALS if (handler := signal.getsignal(each)) in UNTOUCHED}
    for each in ours:
        signal.signal(each, interrupted)
    try:
        yield
    finally:
        for each, handler in ours.items():
            signal.signal(each, handler)
