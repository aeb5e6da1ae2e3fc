"""One of two processes: ``ranks.py STRATEGY OUT CHECKPOINTS [RANK:ATTEMPT ...]``.

Named processes kill themselves in the named attempts, after seven steps.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from kills import table, told

import plait
from plait.training import Callback, Epoch


class Die(Callback):
    """Note when the first step was done, and be killed if it was said."""

    def __init__(self, out: Path, wanted: Sequence[str]) -> None:
        self.rank, self.attempt = os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]
        self.out, self.steps = out, 0
        self.dies = f"{self.rank}:{self.attempt}" in wanted

    def on_resume(self, records: Sequence[Epoch], steps: int) -> None:
        self.note(f"resumed {steps}")

    def on_step(self, step: int, steps: int) -> None:
        self.steps += 1
        if self.steps == 1:
            self.note("step")
        if self.steps == 7 and self.dies:
            self.note("killed")
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, what: str) -> None:
        with self.out.with_name(f"{self.out.name}.times").open("a") as file:
            file.write(f"{time.time()} {self.rank} {self.attempt} {what}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    strategy, out, place, *wanted = sys.argv[1:]
    loop = plait.Training(epochs=4, batch_size=32, checkpoint_every=2, device="cpu", guard="off",
                          strategy=strategy)  # fmt: skip
    made = plait.Learner(["price", "sold"], width=16, cache=False, balancing="FAMO", training=loop)
    made.fit(table(), checkpoints=place, callbacks=[Die(Path(out), wanted)])
    Path(f"{out}.{os.environ['RANK']}").write_text(told(made))
