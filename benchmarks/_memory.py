"""What a process holds in memory, as Linux tells it."""

import threading
import time
from pathlib import Path

MB = 1e6


def status(field: str) -> float:
    """A field of the process's own status, in MB: VmHWM is the peak, VmRSS and RssAnon are now.

    ``getrusage`` is not used: its peak also counts the parent's memory from before the program
    was loaded.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024 / MB
    raise KeyError(field)


class Sampler:
    """The highest anonymous memory of a stretch of code, sampled by a thread.

    Pages of mapped files are not counted: the system takes them back when it needs them.

    Args:
        seconds: Between two looks.
    """

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.baseline = self.highest = self.highest_all = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Sampler":
        self.baseline = status("RssAnon")
        self.baseline_all = status("VmRSS")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.is_set():
            self.highest = max(self.highest, status("RssAnon"))
            self.highest_all = max(self.highest_all, status("VmRSS"))
            time.sleep(self.seconds)

    @property
    def growth(self) -> float:
        """Anonymous MB above what there was at the start."""
        return max(0.0, self.highest - self.baseline)

    @property
    def growth_all(self) -> float:
        """All resident MB above what there was at the start, mapped files included."""
        return max(0.0, self.highest_all - self.baseline_all)
