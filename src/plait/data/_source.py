"""Rows that can be read again and again, some at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from plait._errors import ConfigError

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
    def batches(self, names: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """All rows in order, in tables of any length.

        Args:
            names: The columns that are wanted, in this order.
            rows: About how many rows to read at a time.
        """

    @property
    def names(self) -> list[str]:
        """The columns, in their order."""
        return list(self.schema.names)

    def parts(self, size: int, columns: Sequence[str] | None = None) -> Iterator[Table]:
        """All rows in order, some at a time.

        Args:
            size: The rows of a part; the last one may have fewer.
            columns: The columns that are wanted, in this order; all if left out.

        Raises:
            DataError: If a column is not there, a file cannot be read, or a file has changed
                since the source was opened.
            ConfigError: If ``size`` is not positive, or ``columns`` is empty.
        """
        if size < 1:
            raise ConfigError(f"`size` should be at least 1. Found {size}.")
        names = self.names if columns is None else list(columns)
        if not names:
            raise ConfigError("`columns` should name at least one column. Found none.")
        Table(self.schema.empty_table()).require(names)
        return self._parts(size, names)

    def _parts(self, size: int, names: list[str]) -> Iterator[Table]:
        first = 0
        for arrow in rebatched(self.batches(names, self._block), size):
            yield Table(arrow, self.root, first=first, part=size < self.rows)
            first += arrow.num_rows
        self.check()

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
