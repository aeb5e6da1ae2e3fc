"""A fusion that kills its process once: ``DEADLY`` names a file that says whether it has."""

import os
import signal
import time
from pathlib import Path

from plait.fusion import Mean


class Deadly(Mean):
    """The second process is killed at its 13th step, unless one has been before."""

    steps = 0

    def forward(self, tokens):
        mark = Path(os.environ["DEADLY"])
        if self.training:
            self.steps += 1
            if self.steps == 1:
                note(mark, "began")
            if self.steps == 13 and os.environ.get("RANK") == "1" and "killed" not in told(mark):
                note(mark, "killed")
                os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(tokens)


def told(mark: Path) -> str:
    return mark.read_text() if mark.exists() else ""


def note(mark: Path, what: str) -> None:
    with mark.open("a") as file:
        file.write(f"{time.time()} {os.environ.get('RANK')} {what}\n")
