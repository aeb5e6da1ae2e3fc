"""Several processes that train one model on different rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

How = Literal["local", "sketch", "exact", "sharded"]
COLUMNS = 2_048
"""Of a sketch: its cosines were off by 0.017 on average where they were measured."""


@dataclass(frozen=True)
class Ranks:
    """How processes agree on one step.

    Args:
        how: How they compare gradients; None where there is just one process.
        size: How many there are.
    """

    how: How | None = None
    size: int = 1

    @classmethod
    def of(cls, how: How | str | None) -> "Ranks":
        """From what was said, and what is running.

        Raises:
            ConfigError: If there is no such way, or processes are to agree where none are.
        """
        known = ("exact", "sketch", "local", "sharded", "off")
        if how is not None and how not in known:
            raise ConfigError(f"`ranks` should be one of {', '.join(known)}. Got {how!r}.")
        running = dist.is_available() and dist.is_initialized()
        if how not in (None, "off") and not running:
            raise ConfigError(
                f"`ranks={how!r}` is for several processes, and torch.distributed is not set up. "
                "Start with torchrun and call `init_process_group`, or leave it out."
            )
        size = dist.get_world_size() if running else 1
        if how == "off" or size == 1:
            return cls()
        return cls(how or "sketch", size)

    def agree(
        self, tasks: Sequence[str], losses: Mapping[str, Tensor], counts: Mapping[str, int] | None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The losses of all processes together, and the factor that makes each local loss theirs.

        Args:
            tasks: All tasks there are.
            losses: What is there of them in this process.
            counts: The rows behind each.
        """
        like = next(iter(losses.values()))
        table = torch.zeros(2, len(tasks), dtype=torch.float64, device=like.device)
        for place, name in enumerate(tasks):
            if name in losses:
                rows = 1 if counts is None else counts[name]
                table[0, place], table[1, place] = rows, rows * losses[name].double()
        mine = table[0].clone()
        dist.all_reduce(table)
        there = (table[0] > 0).tolist()
        means = table[1] / table[0]
        # Reducers divide by the number of processes; a count makes it a division by all rows.
        factors = mine * self.size / table[0] if counts is not None else torch.ones_like(mine)
        together = {name: means[i] for i, name in enumerate(tasks) if there[i]}
        return together, {name: factors[tasks.index(name)] for name in losses}

    def gramian(
        self, rows: Float[Tensor, "tasks numbers"], seed: int
    ) -> Float[Tensor, "tasks tasks"]:
        """The inner products of gradients, of all processes.

        Args:
            rows: The gradients of this process, a row for each task that is there in any.
            seed: The same in all processes, and another in each step.
        """
        if self.how in ("exact", "sketch"):
            self.alike(rows.shape[1], rows.device)
        if self.how == "exact":
            return self._exact(rows)
        if self.how == "sketch":
            small = sketch(rows, seed).double()
            dist.all_reduce(small)
            return small @ small.T / self.size**2
        found = (rows @ rows.T).double()
        dist.all_reduce(found)
        # A process sees noise of its own, and the mean over processes keeps all of it.
        return found / self.size

    def mean(self, numbers: Tensor) -> Tensor:
        """The mean over all processes, in the same memory."""
        dist.all_reduce(numbers)
        return numbers.div_(self.size)

    def alike(self, numbers: int, device: torch.device) -> None:
        """See that all processes speak of the same weights.

        Args:
            numbers: Of how many this one does.
            device: Where its gradients are.

        Raises:
            ConfigError: If others speak of more or fewer.
        """
        found = torch.tensor([numbers, -numbers], dtype=torch.float64, device=device)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        most, least = found.tolist()
        if most != -least:
            raise ConfigError(
                "Processes should compare gradients of the same weights. Found between "
                f"{-least:,.0f} and {most:,.0f} numbers: a part of the network was not run in some "
                "of them. Name the weights (`over`), or give each process a row for each part."
            )

    def _exact(self, rows: Tensor) -> Tensor:
        tasks, numbers = rows.shape
        width = -(-numbers // self.size)
        wide = torch.nn.functional.pad(rows, (0, width * self.size - numbers))
        pieces = wide.view(tasks, self.size, width).transpose(0, 1).reshape(-1)
        mine = pieces.new_empty(tasks * width)
        dist.reduce_scatter_tensor(mine, pieces)
        mine = mine.view(tasks, width).double()
        found = mine @ mine.T
        dist.all_reduce(found)
        return found / self.size**2


def sketch(
    rows: Float[Tensor, "tasks numbers"], seed: int, columns: int = COLUMNS
) -> Float[Tensor, "tasks columns"]:
    """A count-sketch: each number goes, with a random sign, to one of a few columns.

    It is linear, so that the sum of sketches is the sketch of the sum, and keeps inner products
    up to a relative error of about one over the root of the columns.

    Args:
        rows: What to sketch.
        seed: Of the columns and signs.
        columns: How many there are.

    Source:
        Charikar, Chen and Farach-Colton, *Finding Frequent Items in Data Streams*, ICALP 2002.
    """
    chance = torch.Generator(rows.device).manual_seed(seed)
    numbers = rows.shape[1]
    place = torch.randint(columns, (numbers,), generator=chance, device=rows.device)
    sign = torch.randint(2, (numbers,), generator=chance, device=rows.device, dtype=torch.int8)
    out = rows.new_zeros(len(rows), columns)
    return out.index_add_(1, place, rows * (2 * sign - 1).to(rows.dtype))
