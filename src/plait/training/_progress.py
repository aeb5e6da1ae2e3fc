"""A training as it is seen on a terminal, or line by line."""

import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from plait._words import clean, number

from ._callback import Callback
from ._history import Epoch, History

if TYPE_CHECKING:  # rich draws from the random numbers of whoever imports it
    from rich.console import Group

REFRESH = 0.1
"""Seconds between two drawings, so that drawing costs nothing beside a step."""


class Progress(Callback):
    """Epoch, losses, scores, rows a second and time left: a bar on a terminal, else plain lines.

    It writes to stderr, and nothing when it is over. Use it as a context, so that the terminal is
    left as it was whatever happens.

    Args:
        budget: Seconds that training may take.
        live: Whether to draw a bar; left out, whether stderr is a terminal.
    """

    def __init__(self, budget: float | None = None, live: bool | None = None) -> None:
        self.epochs, self.budget = 0, budget
        self.drawn = sys.stderr.isatty() if live is None else live
        self.began: float | None = None
        self.last_drawn = self.done = self.first = 0.0
        self.resumed = False
        self.last: Epoch | None = None
        self.best: Epoch | None = None
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner
        from rich.text import Text

        waits = Spinner("dots", Text("reading and packing"), style="cyan")
        console = Console(stderr=True)
        self.view = Live(waits, console=console, transient=True, refresh_per_second=10)

    def __enter__(self) -> "Progress":
        if self.drawn:
            self.view.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.view.stop()

    def on_pretraining(self, epoch: int, epochs: int, loss: float) -> None:
        """Show the loss instead of the bar, or write a line."""
        line = f"pretraining {epoch}/{epochs}  loss {number(loss)}"
        if not self.drawn:
            print(line, file=sys.stderr)
            return
        from rich.spinner import Spinner
        from rich.text import Text

        self.view.update(Spinner("dots", Text(line), style="cyan"))

    def on_start(self, epochs: int) -> None:
        """Know how many epochs there will be."""
        self.epochs, self.began = epochs, time.monotonic()

    def on_resume(self, records: Sequence[Epoch], steps: int) -> None:
        """Know what was done before, and say so."""
        self.resumed, self.last = True, records[-1] if records else None
        self.best = next((each for each in reversed(records) if each.best), None)
        print(f"going on after step {steps:,}, epoch {len(records) + 1}", file=sys.stderr)

    def on_step(self, step: int, steps: int) -> None:
        """Draw the bar, if it is time."""
        now = time.monotonic()
        self.done = (self.last.epoch if self.last else 0) + step / steps
        if self.resumed:
            self.resumed, self.first = False, self.done / max(self.epochs, 1)
        if self.drawn and now - self.last_drawn > REFRESH:
            self.last_drawn = now
            self.view.update(self._bar(now))

    def on_epoch(self, epoch: Epoch) -> bool | None:
        """Draw the bar with new figures, or write a line."""
        self.last = epoch
        self.best = epoch if epoch.best else self.best
        if self.drawn:
            self.view.update(self._bar(time.monotonic()))
        else:
            print(clean(_line(epoch)), file=sys.stderr)
        return None

    def on_end(self, history: History) -> None:
        """Take the bar away."""
        self.view.stop()

    def _bar(self, now: float) -> "Group":
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        share = self.done / self.epochs
        parts = [f"epoch {min(int(self.done) + 1, self.epochs)}/{self.epochs}"]
        if self.last:
            parts.append(f"{self.last.rows_per_second:,.0f} rows/s")
        left = self._left(now, share)
        if left is not None:
            parts.append(f"{_clock(left)} left")
        grid = Table.grid(padding=(0, 1))
        grid.add_row(
            Spinner("dots", style="cyan"),
            ProgressBar(total=1.0, completed=share, width=24),
            Text(" · ".join(parts)),
        )
        lines: list[Text | Table] = [grid]
        if self.last:
            losses = f"  loss   {_each(self.last.losses)}"
            lines.append(Text(clean(losses), style="dim", overflow="ellipsis", no_wrap=True))
        if self.last and self.last.score is not None and self.best:
            scores = f"  score  {_each(self.last.scores)}   mean {number(self.last.score)}"
            scores += f", best {number(self.best.score)} in epoch {self.best.epoch}"
            lines.append(Text(clean(scores), style="dim", overflow="ellipsis", no_wrap=True))
        return Group(*lines)

    def _left(self, now: float, share: float) -> float | None:
        if self.began is None:
            return None
        spent = now - self.began
        guesses = []
        if share > self.first and spent > 1:
            guesses.append(spent * (1 - share) / (share - self.first))
        if self.budget:
            guesses.append(max(0.0, self.budget - spent))
        return min(guesses) if guesses else None


def _line(epoch: Epoch) -> str:
    parts = [f"epoch {epoch.epoch}/{epoch.epochs}", f"loss {_each(epoch.losses)}"]
    if epoch.score is not None:
        parts.append(f"score {_each(epoch.scores)}")
        parts.append(f"mean {number(epoch.score)}{' (best)' if epoch.best else ''}")
    if epoch.skipped:
        parts.append(f"{epoch.skipped:,} steps left out")
    parts.append(f"{epoch.rows_per_second:,.0f} rows/s")
    parts.append(f"{epoch.seconds:.1f} s")
    return "  ".join(parts)


def _each(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
