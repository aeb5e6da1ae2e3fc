"""What a scenario is made of."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

Metrics = dict[str, tuple[float, str]]
"""Values and their units by name."""


@dataclass(frozen=True)
class Job:
    """What one contestant is told.

    Args:
        folder: Where the data of the scenario lies; also a place for its own files.
        scale: The size of the data, 1 for the usual one.
        seed: Of the data and of training.
        threads: How many threads may compute.
    """

    folder: Path
    scale: float
    seed: int
    threads: int

    @cached_property
    def about(self) -> dict[str, Any]:
        """The columns and the choices of training, from ``scenario.json``."""
        return json.loads((self.folder / "scenario.json").read_text(encoding="utf-8"))

    def columns(self, kind: str) -> list[str]:
        """The input columns of a kind."""
        return [name for name, each in self.about["inputs"].items() if each == kind]

    def rows(self, usual: int, least: int = 64) -> int:
        """A number of rows, scaled."""
        return max(least, round(usual * self.scale))


Measure = Callable[[Job], Metrics]


@dataclass(frozen=True)
class Scenario:
    """One question about speed or memory, and who answers it.

    Args:
        about: What is measured, in a sentence.
        prepare: Writes the data, once; given the folder of real sets or None.
        parts: For each part of the question a function for each contestant, which is called in a
            process of its own and measures itself.
        goals: For ``part.metric`` what plait is held to: ``("value" or "ratio", "<=" or ">=",
            bound)``, where the ratio is to the hand-written loop.
        peers: Whether other libraries can take part (``train.parquet`` and ``test.parquet`` lie
            in the folder).
    """

    about: str
    prepare: Callable[[Job, Path | None], None]
    parts: Mapping[str, Mapping[str, Measure]]
    goals: Mapping[str, tuple[str, str, float]] = field(default_factory=dict)
    peers: bool = False


class Clock:
    """Seconds of a stretch of code, and those of the processor, which other work disturbs less.

    Example:
        >>> with Clock() as clock:
        ...     pass
        >>> clock.seconds >= 0
        True
    """

    seconds = processor = 0.0

    def __enter__(self) -> "Clock":
        self._start, self._used = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self.processor = time.process_time() - self._used
