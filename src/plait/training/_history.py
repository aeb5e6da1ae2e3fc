"""What happened, epoch by epoch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """One epoch, as it is shown and logged.

    Args:
        epoch: Counted from 1.
        epochs: How many there will be at most.
        seconds: How long it took, validation included.
        rows_per_second: Training rows per second, validation not included.
        learning_rate: At its last step.
        losses: The mean training loss of each task.
        weights: The weight that the balancer gave each task at the last step.
        scores: The validation score of each task: 1 is perfect, 0 knows nothing of the row.
        score: The mean of the scores; None without validation rows.
        best: Whether this is the best epoch so far.
    """

    epoch: int
    epochs: int
    seconds: float
    rows_per_second: float
    learning_rate: float
    losses: Mapping[str, float]
    weights: Mapping[str, float]
    scores: Mapping[str, float]
    score: float | None
    best: bool

    def to_dict(self) -> dict[str, Any]:
        """For a line of the log."""
        return asdict(self)


@dataclass(frozen=True)
class History:
    """A whole training.

    Args:
        epochs: One record an epoch.
        best: The epoch whose weights were kept, counted from 1.
        stopped: Why it ended: ``"done"``, ``"patience"``, ``"budget"``, or ``"asked"`` by a
            callback.
        seconds: How long it took.
        parts: Into how many parts a batch was cut at last: more than was asked for where memory
            ran out.
        compilations: How often the model was compiled; more than once or twice is too often.
    """

    epochs: tuple[Epoch, ...]
    best: int
    stopped: str
    seconds: float
    parts: int = 1
    compilations: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain mappings and lists, for JSON."""
        return {**vars(self), "epochs": [each.to_dict() for each in self.epochs]}
