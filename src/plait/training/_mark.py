"""How far a training has come."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from plait.balancing import Report

from ._conflicts import Conflicts
from ._history import Epoch
from ._part import Part

TOTAL = "conflicts"


@dataclass
class Mark:
    """How far a training has come: all that is not in a module or an optimizer.

    Args:
        epoch: How many epochs are done.
        step: How many steps of the present one are done.
        steps: How many steps are done in all.
        records: Those of the epochs that are done.
        best: The best of them, counted from 1; 0 before the first.
        top: The best score, as a mean over the last epochs.
        kept: The averaged weights of the best epoch.
        part: What is known of the present epoch.
    """

    epoch: int = 0
    step: int = 0
    steps: int = 0
    records: list[Epoch] = field(default_factory=list)
    best: int = 0
    top: float = -math.inf
    kept: dict[str, Tensor] = field(default_factory=dict)
    part: Part = field(default_factory=Part)

    def lately(self, score: float | None, window: int) -> float:
        """The mean of the last scores and this one: a single epoch may just be lucky."""
        known = [*(each.score for each in self.records), score][-window:]
        last = [each for each in known if each is not None]
        return sum(last) / len(last) if last else -math.inf

    def end_epoch(self, record: Epoch, seen: Report | None) -> None:
        """Take note that an epoch is over.

        Args:
            record: What it came to.
            seen: The last report of the balancer, which is counted already.
        """
        self.records.append(record)
        self.epoch, self.step = self.epoch + 1, 0
        self.part = Part(conflicts=Conflicts(seen=seen))

    @property
    def plain(self) -> dict[str, Any]:
        """All but the tensors, for JSON."""
        part = {name: value for name, value in vars(self.part).items() if name != TOTAL}
        return {
            "epoch": self.epoch,
            "step": self.step,
            "steps": self.steps,
            "records": [asdict(record) for record in self.records],
            "best": self.best,
            "top": self.top if math.isfinite(self.top) else None,
            "part": {**part, "conflicts": self.part.conflicts.steps},
        }

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors, by name."""
        total = self.part.conflicts.total
        found = {f"kept.{name}": value for name, value in self.kept.items()}
        return found if total is None else {**found, TOTAL: total}

    @classmethod
    def of(cls, plain: Mapping[str, Any], tensors: Mapping[str, Tensor], device: str) -> "Mark":
        """What :attr:`plain` and :attr:`tensors` told.

        Args:
            plain: The former.
            tensors: The latter, on the processor.
            device: Where the training is.
        """
        part = dict(plain["part"])
        total = tensors.get(TOTAL)
        conflicts = Conflicts(None if total is None else total.to(device), part.pop("conflicts"))
        return cls(
            **{name: plain[name] for name in ("epoch", "step", "steps", "best")},
            records=[Epoch(**record) for record in plain["records"]],
            top=-math.inf if plain["top"] is None else plain["top"],
            kept={
                name.removeprefix("kept."): value.to(device)
                for name, value in tensors.items()
                if name.startswith("kept.")
            },
            part=Part(**part, conflicts=conflicts),
        )
