"""Rows that can be read again and again, some at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from plait._errors import ConfigError, DataError

from ._content import content_hash
from ._objects import Restore, same
from ._table import Table
from ._together import end_to_end, rebatched
from ._watch import Watch

BLOCK = 1 << 25
"""Bytes that are read at a time, about."""
MOST_ROWS = 1 << 16


@dataclass(frozen=True, eq=False, kw_only=True)
class Source(ABC):
    """Rows that can be read again and again, some at a time, from wherever they are.

    Make one with :meth:`of`. Use it for a table that may be larger than memory; for one that is
    small, :class:`Table` is simpler. Its rows are numbered from 0.

    Args:
        root: The folder that relative paths in its cells start from; None where there is none.
        restore: Turns an Arrow table into the kind of table that came in.
        watch: The files that it was made of; None where it was made of none.

    Example:
        >>> source = Source.of({"age": [30, None, 40]})
        >>> source.names, source.rows
        (['age'], 3)
        >>> [part["age"].to_pylist() for part in source.parts(2)]
        [[30, None], [40]]
    """

    root: Path | None = None
    restore: Restore = field(default=same, repr=False)
    watch: Watch | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls, data: Any, root: str | Path | None = None, *, memory: int | None = None
    ) -> "Source":
        """Whatever holds a table, as a source.

        Args:
            data: Whatever :meth:`Table.of` takes.
            root: The folder that relative paths in cells start from. Left out, it is the folder
                of the file, or the working folder for a table in memory.
            memory: Bytes that the rows may take in memory. Parquet and Arrow files that would
                take more stay on disk; a stream that can be read only once, such as the answer
                of a database, is written to a temporary folder when it grows larger. Left out,
                it is a quarter of the memory that the process may use.

        Raises:
            DataError: If there is no table in it, the table has no rows or no columns, or two
                columns share a name.
        """
        from ._open import opened  # what opens sources knows all kinds of them

        return opened(data, Path(root) if root else None, memory)

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """The columns and their types."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many rows there are."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes that all rows would take in Arrow's form, about."""

    @abstractmethod
    def batches(self, names: Sequence[str], rows: int, first: int = 0) -> Iterator[pa.Table]:
        """The rows from one on, to the last, in order and in tables of any length.

        Args:
            names: The columns that are wanted, in this order.
            rows: About how many rows to read at a time.
            first: The number of the row to begin with. What is before it is not read, where that
                can be.
        """

    @property
    def names(self) -> list[str]:
        """The columns, in their order."""
        return list(self.schema.names)

    def parts(
        self,
        size: int,
        columns: Sequence[str] | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> Iterator[Table]:
        """All rows in order, some at a time; or the share of one of several processes.

        Args:
            size: The rows of a part; the last one may have fewer.
            columns: The columns that are wanted, in this order; all if left out.
            share: The number of this process, from 0 on, and how many there are. Each is given
                as many parts as the others, or one more, that lie side by side; of few parts the
                last processes have none. Parts are the same, however many processes there are.

        Raises:
            DataError: If a column is not there, a file cannot be read, or a file has changed
                since the source was opened.
            ConfigError: If ``size`` is not positive, ``columns`` is empty, or there is no such
                share.

        Example:
            >>> source = Source.of({"age": [30, 31, 32, 33, 34]})
            >>> [part["age"].to_pylist() for part in source.parts(2, share=(0, 2))]
            [[30, 31], [32, 33]]
            >>> [part["age"].to_pylist() for part in source.parts(2, share=(1, 2))]
            [[34]]
        """
        if size < 1:
            raise ConfigError(f"`size` should be at least 1. Found {size}.")
        names = self.names if columns is None else list(columns)
        if not names:
            raise ConfigError("`columns` should name at least one column. Found none.")
        rank, among = share
        if not 0 <= rank < among:
            raise ConfigError(
                "`share` should be the number of a process, from 0 on, and how many there are: "
                f"(0, 2) or (1, 2). Found {share}."
            )
        Table(self.schema.empty_table()).require(names)
        count = -(-self.rows // size)
        first, last = (-(-count * each // among) for each in (rank, rank + 1))
        return self._parts(size, names, first * size, last * size)

    def _parts(self, size: int, names: list[str], first: int, last: int) -> Iterator[Table]:
        if first < last:
            for arrow in rebatched(self.batches(names, self._block, first), size):
                yield Table(arrow, self.root, first=first, part=size < self.rows)
                first += arrow.num_rows
                if first >= last:
                    break
        self.check()
        if first < min(last, self.rows):  # of a file that nobody can tell the age of
            raise DataError(
                f"There should be {self.rows:,} rows, as when the table was opened. Found no more "
                f"than {first:,}. Start again once nobody writes to it."
            )

    @property
    def _block(self) -> int:
        return max(1, min(MOST_ROWS, BLOCK * self.rows // max(self.nbytes, 1)))

    def table(self) -> Table:
        """All rows, in memory."""
        arrow = end_to_end([part.arrow for part in self.parts(self.rows)])
        return Table(arrow, self.root, self.restore)

    def identity(self) -> str | None:
        """What is the same for the same rows, and another for others: 64 hexadecimal digits.

        For files it is made of where they are, how long and how old; for rows in memory and
        answers of a database, of all their cells.

        Returns:
            None if nobody can tell: a file behind a protocol that knows nothing of its age.
        """
        return self.watch.identity() if self.watch else self._content

    @cached_property
    def _content(self) -> str:
        return content_hash(self.parts)

    def check(self) -> None:
        """Check that no file has changed since the source was opened.

        Raises:
            DataError: If one has.
        """
        if self.watch:
            self.watch.check()
