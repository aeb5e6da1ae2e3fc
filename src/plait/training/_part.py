"""What is known of an epoch while it lasts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ._conflicts import Conflicts


@dataclass
class Part:
    """What is known of the present epoch.

    Args:
        began: The seconds of training before it.
        sums: The sum of each task's losses.
        seen: How many steps had a loss of the task.
        weights: The weights that the balancer gave last.
        rows: How many rows were seen.
        skipped: How many steps were left out since something in them was not finite.
        conflicts: How often tasks pulled apart.
    """

    began: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    skipped: int = 0
    conflicts: Conflicts = field(default_factory=Conflicts)

    def add(self, told: tuple[Mapping, Mapping] | None, rows: int) -> None:
        """Count a step: its losses and weights, or None for one that was left out."""
        self.rows += rows
        if told is None:
            self.skipped += 1
            return
        losses, weights = told
        self.weights |= weights
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + loss
            self.seen[name] = self.seen.get(name, 0) + 1

    @property
    def losses(self) -> dict[str, float]:
        """The mean loss of each task."""
        return {name: total / self.seen[name] for name, total in self.sums.items()}
