"""Being asked to end, by Ctrl-C or by a machine that shuts down."""

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

ASKED = (signal.SIGINT, signal.SIGTERM)
AGAIN = 1.0
"""Seconds in which a signal is the one before it."""


class Signals:
    """While it is entered, the first signal to end is noted, and the second ends at once.

    A machine that shuts down tells a launcher and its processes alike, and the launcher passes on
    what it was told: what comes within a second is the first again.

    Signals reach the main thread alone; entered in another, nothing is noted.

    Example:
        >>> with Signals() as signals:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     signals.asked
        15
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self._when = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        self.asked = None
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._note) for each in ASKED}
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.asked is not None and now - self._when < AGAIN:
            return
        if self.asked is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.asked, self._when = int(number), now
