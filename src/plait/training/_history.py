"""What happened, epoch by epoch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
        conflicts: The share of pairs of tasks whose gradients pointed away from each other, over
            the steps in which the balancer looked at gradients; None where it looked at none.
        skipped: How many steps were left out since something in them was not finite.
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
    conflicts: float | None = None
    skipped: int = 0

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
        together: The validation score of each task from all inputs, where inputs were tried alone.
        alone: The same from each input alone.
        kept: The one input that the model looks at, where it was allowed to fall back and did.
        pretraining: The mean loss of each epoch of pre-training, where there was one.
        balancing: What the balancer decided and why, in a sentence, where it decides.
    """

    epochs: tuple[Epoch, ...]
    best: int
    stopped: str
    seconds: float
    parts: int = 1
    compilations: int = 0
    together: Mapping[str, float] = field(default_factory=dict)
    alone: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    kept: str | None = None
    pretraining: tuple[float, ...] = ()
    balancing: str = ""

    @property
    def lines(self) -> list[dict[str, Any]]:
        """For a log: the epochs, and what the balancer decided and the guard found."""
        before = [
            {"stage": "pretraining", "epoch": number, "loss": loss}
            for number, loss in enumerate(self.pretraining, 1)
        ]
        told = {
            "stage": "guard",
            "together": dict(self.together),
            "alone": {name: dict(scores) for name, scores in self.alone.items()},
            "kept": self.kept,
            "verdict": self.verdict,
        }
        decided = {"stage": "balancing", "sentence": self.balancing}
        epochs = [*before, *(each.to_dict() for each in self.epochs)]
        return [*epochs, *([decided] if self.balancing else []), *([told] if self.alone else [])]

    @property
    def verdict(self) -> str:
        """One sentence, if an input alone was better on the validation rows than all together."""
        best = best_alone(self.alone)
        if best is None or mean(self.alone[best]) <= mean(self.together):
            return ""
        return (
            f"The input {best!r} alone scores {mean(self.alone[best]):.4f} on the validation rows, "
            f"all inputs together {mean(self.together):.4f}: "
            + (
                "it alone is kept."
                if self.kept
                else "leave the others out, or allow it with `training.fall_back`."
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain mappings and lists, for JSON."""
        return {**vars(self), "epochs": [each.to_dict() for each in self.epochs]}


def best_alone(alone: Mapping[str, Mapping[str, float]]) -> str | None:
    """The input with the highest mean score; None where none was tried."""
    return max(alone, key=lambda name: mean(alone[name])) if alone else None


def mean(scores: Mapping[str, float]) -> float:
    """The mean over the tasks."""
    return sum(scores.values()) / max(len(scores), 1)
