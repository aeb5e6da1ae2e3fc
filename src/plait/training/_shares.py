"""What each of several processes has of a step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from plait._errors import ConfigError
from plait.data import Batch
from plait.schema import Schema

from ._spare import Spare
from ._world import World


@dataclass(frozen=True)
class Shares:
    """The parts of a step, here, and the labelled rows of it, here and in all processes.

    Args:
        world: The processes.
        device: Where the step is computed.
        parts: The parts of this process; in all processes as many, with the same inputs.
        counts: The rows here, of each task that any process has a label of; None for one process.
        totals: The same of all processes.
    """

    world: World
    device: str
    parts: Sequence[Batch]
    counts: Mapping[str, int] | None = None
    totals: Mapping[str, float] | None = None

    @classmethod
    def of(
        cls,
        schema: Schema,
        parts: Sequence[Batch],
        world: World,
        device: str,
        spare: Spare | None = None,
    ) -> "Shares":
        """Count them; processes wait for each other here.

        Args:
            schema: The fitted schema.
            parts: The parts of this process; of several processes, in all as many.
            world: The processes.
            device: Where the step is computed.
            spare: What a process takes along where it lacks an input.

        Raises:
            ConfigError: If a process has no row for a part, and nothing is spare.
        """
        if world.size == 1:
            return cls(world, device, parts)
        mine = dict.fromkeys(schema.tasks, 0)
        for part in parts:
            for name, labels in part.targets.items():
                mine[name] += int(labels.mask.sum())
        seen = _seen(parts)
        numbers = [*mine.values(), *(each for row in seen for each in row)]
        found = world.sums([float(each) for each in numbers])
        totals = dict(zip(mine, found, strict=False))
        there = {name: count for name, count in mine.items() if totals[name]}
        width = 2 + len(parts[0].inputs)
        rest = found[len(mine) :]
        both = zip(parts, seen, [rest[at : at + width] for at in range(0, len(rest), width)],
                   strict=True)  # fmt: skip
        whole = []
        for part, here, everywhere in both:
            rows, empty, *inputs = everywhere
            if not rows:
                continue  # nobody has a row of it
            if empty and spare is None:
                raise ConfigError(
                    f"Each of {world.size} processes should have a row for each part of a step. "
                    f"In {int(empty)} of them there is none. Give each as many rows as there are "
                    "parts (`accumulate`), or fewer parts."
                )
            lacking = [
                name
                for name, mine_too, any_has in zip(part.inputs, here[2:], inputs, strict=True)
                if any_has and not mine_too
            ]
            whole.append(spare.added(part, lacking) if spare else part)
        return cls(world, device, whole, there, totals)

    def filled(
        self,
        losses: Mapping[str, Tensor],
        outputs: Mapping[str, Tensor],
        wanted: Iterable[str] | None = None,
    ) -> dict[str, Tensor]:
        """The losses, and one of zero rows for each task that other processes have labels of.

        So all processes have the same tasks, and each sees what all of them share.

        Args:
            losses: Those of a part.
            outputs: What the model gave for it.
            wanted: The tasks of the whole step in one process, where its parts should have all.
        """
        names = wanted if self.counts is None else self.counts
        return {
            # No row of it: a number that is not finite in one without a label is nobody's loss.
            name: losses[name] if name in losses else outputs[name].float()[:0].sum()
            for name in (losses if names is None else names)
        }

    def means(self, losses: Mapping[str, float]) -> dict[str, float]:
        """The losses of all rows of all processes."""
        if self.counts is None or self.totals is None:
            return dict(losses)
        sums = self.world.sums([count * losses[name] for name, count in self.counts.items()])
        return {
            name: total / self.totals[name] for name, total in zip(self.counts, sums, strict=True)
        }


def _seen(parts: Sequence[Batch]) -> list[list[int]]:
    """For each part its rows, whether there are none, and which inputs are there."""
    there = [cells.present.any() for part in parts for cells in part.inputs.values()]
    # One question for all, so that a device is waited for once.
    flags = torch.stack(there).tolist() if there else []
    width = len(parts[0].inputs)
    return [
        [len(part), int(not len(part)), *map(int, flags[at * width : (at + 1) * width])]
        for at, part in enumerate(parts)
    ]
