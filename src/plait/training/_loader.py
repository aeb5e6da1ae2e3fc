"""The batches of each epoch."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int64
from torch import Tensor

from plait.data import Batch, Pack, joined

from ._ahead import ahead
from ._steps import generator_of, steps, useful

BLOCKS = 1024
HAND = 32
"""How many blocks are copied before the pages of their file are let go of."""
ENOUGH = 0.9


@dataclass(frozen=True, eq=False)
class Loader:
    """Batches of a pack, which are a function of seed, epoch, step and world size.

    A pack in memory is permuted as a whole. Of one on disk a *window* at a time is read into
    memory: 1,024 blocks of rows that lie side by side, drawn from all over the pack, whose rows
    are shuffled together. The next window is read while the present one is used.

    Args:
        pack: The rows.
        batch_size: Rows in a step, over all processes.
        seed: Of the run.
        bucket: Whether rows of about one length share a batch, where random batches would be
            padding for more than a tenth.
        window: How many rows are in memory at a time; None for all of them.
        rank: Which of the processes asks.
        world: How many processes share each step.

    Example:
        >>> from plait.data import Masked
        >>> pack = Pack(5, {"x": Masked(torch.arange(5.0), torch.ones(5).bool())}, {})
        >>> loader = Loader(pack, batch_size=2, seed=0, window=4)
        >>> sorted(row for batch in loader.epoch(0) for row in batch.rows.tolist())
        [0, 1, 2, 3, 4]
        >>> loader.steps(0)
        3
    """

    pack: Pack
    batch_size: int
    seed: int
    bucket: bool = True
    window: int | None = None
    rank: int = 0
    world: int = 1

    def steps(self, epoch: int) -> int:
        """How many steps an epoch has."""
        sizes = [len(self.pack)] if self._whole else map(self._size, self._windows(epoch))
        return sum(self._count(size) for size in sizes)

    def epoch(self, epoch: int, done: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0.

        Args:
            epoch: Which one.
            done: How many of its first batches are left out. They are not read.
        """
        if self._whole:
            return self._batches(self.pack, epoch, 0, self.lengths, done)
        return self._streamed(epoch, done)

    def _batches(
        self, pack: Pack, epoch: int, part: int, lengths: Tensor | None, done: int
    ) -> Iterator[Batch]:
        order = steps(
            len(pack),
            self.batch_size,
            self.seed,
            epoch,
            part=part,
            lengths=lengths,
            rank=self.rank,
            world=self.world,
        )
        return (pack[rows] for rows in order[done:])

    def _streamed(self, epoch: int, done: int) -> Iterator[Batch]:
        windows, first = self._windows(epoch), 0
        while first < len(windows) and done >= (here := self._count(self._size(windows[first]))):
            first, done = first + 1, done - here
        packs = ahead(map(self._read, windows[first:]), depth=1)
        for part, pack in enumerate(packs, first):
            lengths = None if self.lengths is None else pack.lengths
            yield from self._batches(pack, epoch, part, lengths, done)
            done = 0

    def _read(self, blocks: Int64[Tensor, " blocks"]) -> Pack:
        size = self._block
        parts = [
            self.pack.slice(block * size, min(len(self.pack), (block + 1) * size))
            for block in blocks.tolist()
        ]
        # A page that is touched brings its neighbors: they are let go of before they are many.
        copies = []
        for start in range(0, len(parts), HAND):
            copies.append(joined(parts[start : start + HAND]))
            self.pack.forget()
        return joined(copies)

    def _windows(self, epoch: int) -> list[Int64[Tensor, " blocks"]]:
        blocks = -(-len(self.pack) // self._block)
        order = torch.randperm(blocks, generator=generator_of(self.seed, epoch, -1))
        # Within a window the order is drawn anew; reading goes from front to back.
        return [window.sort().values for window in order.tensor_split(-(-blocks // self._hand))]

    def _size(self, blocks: Int64[Tensor, " blocks"]) -> int:
        missing = self._block * -(-len(self.pack) // self._block) - len(self.pack)
        last = -(-len(self.pack) // self._block) - 1
        return len(blocks) * self._block - (missing if last in blocks else 0)

    def _count(self, rows: int) -> int:
        return max(1, -(-rows // self.batch_size))

    @property
    def _block(self) -> int:
        return max(1, (self.window or len(self.pack)) // BLOCKS)

    @property
    def _hand(self) -> int:
        return min(BLOCKS, self.window or BLOCKS)

    @property
    def _whole(self) -> bool:
        return self.window is None or self.window >= len(self.pack)

    @cached_property
    def lengths(self) -> Int64[Tensor, " rows"] | None:
        """What rows are put together by; None where that would gain little."""
        found = self.pack.lengths if self.bucket else None
        if found is None:
            return None
        some = steps(len(found), self.batch_size, self.seed, 0)[:1000]
        return found.cpu() if useful(found.cpu(), some) < ENOUGH else None
