"""A whole table as tensors."""

import mmap
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Int64
from torch import Tensor

from plait._errors import DamagedError

from ._bagged import Bagged
from ._batch import Batch
from ._masked import Masked
from ._packed import Note, merged
from ._ragged import Ragged
from ._repeated import Repeated


@dataclass(frozen=True, eq=False)
class Pack:
    """A table whose columns have each been turned into tensors once.

    A batch is one index per column: ``pack[rows]``.

    Args:
        rows: How many rows there are.
        inputs: The packed inputs by name.
        targets: The packed targets by name, of those columns that the table has.
        notes: What was done to cells on the way.
        places: Where the rows stand in the user's table, int64 ``[rows]``; left out, they are
            all of it, in their order.
        maps: The files that the tensors lie in, where they are not in memory.

    Example:
        >>> cells = Masked(torch.arange(3.0), torch.tensor([True, True, False]))
        >>> batch = Pack(3, {"x": cells}, {"y": cells})[torch.tensor([2])]
        >>> batch.inputs["x"].mask, sorted(batch.targets)  # no label in the batch: absent
        (tensor([False]), [])
    """

    rows: int
    inputs: Mapping[str, Masked | Ragged | Repeated | Bagged] = field(repr=False)
    targets: Mapping[str, Masked] = field(repr=False)
    notes: tuple[Note, ...] = ()
    places: Int64[Tensor, " rows"] | None = field(default=None, repr=False)
    maps: tuple[mmap.mmap, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, rows: Int64[Tensor, " batch"]) -> Batch:
        self.check()
        there = self._there(rows)
        index = rows.to(self.device, non_blocking=True)
        return Batch(
            {name: part.take(index) for name, part in self.inputs.items()},
            {name: part.take(index) for name, part in self.targets.items() if there[name]},
            rows if self.places is None else self.places[rows],
        )

    def _there(self, rows: Tensor) -> dict[str, bool]:
        # Found out on the processor: asking a device would make it wait.
        return {name: mask is None or bool(mask[rows].any()) for name, mask in self._holes.items()}

    @cached_property
    def _holes(self) -> dict[str, Tensor | None]:
        return {
            name: None if part.mask.all() and len(part) else part.mask.cpu()
            for name, part in self.targets.items()
        }

    @property
    def device(self) -> torch.device:
        """Where the cells lie."""
        return next(self._tensors()).device

    @property
    def nbytes(self) -> int:
        """How many bytes the tensors take."""
        return sum(each.nbytes for each in self._tensors())

    def _tensors(self) -> Iterator[Tensor]:
        for part in [*self.inputs.values(), *self.targets.values()]:
            yield from part.tensors()
        if self.places is not None:
            yield self.places

    @property
    def lengths(self) -> Int64[Tensor, " rows"] | None:
        """How many entries the cells of many lengths have in each row; None without such cells."""
        found = [
            part.lengths
            for part in self.inputs.values()
            if isinstance(part, Ragged | Bagged)
            or (isinstance(part, Repeated) and isinstance(part.cells, Ragged))
        ]
        return torch.stack(found).sum(0) if found else None

    def batches(self, size: int) -> Iterator[Batch]:
        """All rows in their order, ``size`` at a time."""
        for rows in torch.arange(self.rows).split(size):
            yield self[rows]

    def slice(self, start: int, stop: int) -> "Pack":
        """Some rows that lie side by side, in the same memory, with their places."""
        self.check()
        places = torch.arange(start, stop) if self.places is None else self.places[start:stop]
        return Pack(
            stop - start,
            {name: part.slice(start, stop) for name, part in self.inputs.items()},
            {name: part.slice(start, stop) for name, part in self.targets.items()},
            places=places,
        )

    def select(self, rows: Int64[Tensor, " some"]) -> "Pack":
        """Some of the rows as a pack of their own, in the order asked for, with all notes."""
        self.check()
        return Pack(
            len(rows),
            {name: part.select(rows) for name, part in self.inputs.items()},
            {name: part.select(rows) for name, part in self.targets.items()},
            self.notes,
            rows if self.places is None else self.places[rows],
        )

    def to(self, device: torch.device | str) -> "Pack":
        """The same cells on another device. The original is left as it was."""
        return replace(
            self,
            inputs={name: part.to(device) for name, part in self.inputs.items()},
            targets={name: part.to(device) for name, part in self.targets.items()},
            maps=(),
        )

    def check(self) -> None:
        """Check that mapped files are as long as they were: what is gone must not be read.

        The system ends a process that touches a page behind the end of its file. Rows are
        therefore looked at only after this; a file that is cut short in between is not found out.

        Raises:
            DamagedError: If one is shorter.
        """
        for content in self.maps:
            if content.size() < len(content):
                raise DamagedError(
                    "A packed table on the disk should stay as it is while it is read. One of its "
                    f"files has {content.size():,} of {len(content):,} bytes left. Start again, or "
                    "go on from the last checkpoint: the table is packed anew."
                )

    def forget(self) -> None:
        """Let go of the memory that files take which were touched; they stay on the disk."""
        if sys.platform != "win32":  # which lets go of what it needs by itself
            for content in self.maps:
                content.madvise(mmap.MADV_DONTNEED)


def joined(packs: Sequence[Pack]) -> Pack:
    """Packs of the same schema end to end, in memory of their own.

    Example:
        >>> cells = Masked(torch.arange(2.0), torch.ones(2).bool())
        >>> len(joined([Pack(2, {"x": cells}, {}), Pack(2, {"x": cells}, {})]))
        4
    """
    first = packs[0]

    def all_of(role: str) -> dict:
        parts = [getattr(each, role) for each in packs]
        return {
            name: part.joined([each[name] for each in parts])
            for name, part in getattr(first, role).items()
        }

    places = [each.places for each in packs if each.places is not None]
    return Pack(
        sum(each.rows for each in packs),
        all_of("inputs"),
        all_of("targets"),
        notes=merged(note for each in packs for note in each.notes),
        places=torch.cat(places) if places else None,
    )
