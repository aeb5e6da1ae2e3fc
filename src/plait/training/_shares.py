"""What each of several processes has of the labels of a step."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from plait.data import Batch
from plait.schema import Schema

from ._world import World


@dataclass(frozen=True)
class Shares:
    """The labelled rows of a step, here and in all processes.

    Args:
        world: The processes.
        device: Where their numbers travel from.
        counts: The rows here, of each task that any process has a label of; None for one process.
        totals: The same of all processes.
    """

    world: World
    device: str
    counts: Mapping[str, int] | None = None
    totals: Mapping[str, float] | None = None

    @classmethod
    def of(cls, schema: Schema, batch: Batch, world: World, device: str) -> "Shares":
        """Count them; processes wait for each other here."""
        if world.size == 1:
            return cls(world, device)
        mine = dict.fromkeys(schema.tasks, 0)
        mine |= {name: int(labels.mask.sum()) for name, labels in batch.targets.items()}
        totals = dict(
            zip(mine, world.sums([float(each) for each in mine.values()], device), strict=True)
        )
        there = {name: count for name, count in mine.items() if totals[name]}
        return cls(world, device, there, totals)

    def filled(
        self, losses: Mapping[str, Tensor], outputs: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """The losses, and one of zero rows for each task that other processes have labels of.

        So all processes have the same tasks, and each sees what all of them share.
        """
        return {
            name: losses[name] if name in losses else 0.0 * outputs[name].float().sum()
            for name in (losses if self.counts is None else self.counts)
        }

    def means(self, losses: Mapping[str, float]) -> dict[str, float]:
        """The losses of all rows of all processes."""
        if self.counts is None or self.totals is None:
            return dict(losses)
        sums = self.world.sums(
            [count * losses[name] for name, count in self.counts.items()], self.device
        )
        return {
            name: total / self.totals[name] for name, total in zip(self.counts, sums, strict=True)
        }
