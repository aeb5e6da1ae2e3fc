"""A table of Arrow columns, wherever it came from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError, listing, suggestion, together

from ._cells import normal, plain, texts
from ._media import unwrapped
from ._objects import Restore, same

MOST = 20
"""How many columns a message names."""


@dataclass(frozen=True, eq=False)
class Table:
    """Columns by name, in Arrow's form, each read only when it is asked for.

    Make one with :meth:`of`, which takes whatever holds a table.

    Args:
        arrow: The columns.
        root: The folder that relative paths in its cells start from; None where there is none.
        restore: Turns an Arrow table into the kind of table that came in.
        first: The number of its first row, where it is a part of a longer table.
        part: Whether it is one: what is asked of a whole table is then asked of nobody.
        places: The number of each row in the longer table that some rows were taken from.

    Example:
        >>> table = Table.of({"age": [30, None], "name": ["Ann", "Bo"]})
        >>> len(table), table.names, "age" in table
        (2, ['age', 'name'], True)
        >>> table["age"].null_count
        1
    """

    arrow: pa.Table
    root: Path | None = None
    restore: Restore = field(default=same, repr=False)
    first: int = 0
    part: bool = False
    places: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def of(cls, source: Any, root: str | Path | None = None) -> "Table":
        """Whatever holds a table, as a :class:`Table`.

        Args:
            source: The path of a CSV, TSV, Parquet, Arrow, Feather or JSON-lines file (gzipped
                text is fine), a glob or a URL for fsspec (``"s3://..."``), a list of such; any
                object that speaks Arrow (a data frame of pandas or polars, a DuckDB relation,
                an Arrow table or reader); a dict of columns (lists, NumPy arrays, tensors); a
                dataset of Hugging Face; a :class:`Query`, or one in words,
                ``"homes.sqlite::SELECT * FROM homes"``; or a :class:`Source`.
            root: The folder that relative paths in cells start from. Left out, it is the folder
                of the file, or the working folder for a table in memory.

        Raises:
            DataError: If there is no table in it, the table has no rows or no columns, or two
                columns share a name.
        """
        if isinstance(source, Table):
            return replace(source, root=Path(root)) if root else source
        from ._open import WHOLE, opened  # what opens things makes tables of them

        return opened(source, Path(root) if root else None, WHOLE).table()

    def __len__(self) -> int:
        return self.arrow.num_rows

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.arrow.schema.get_field_index(name) >= 0

    def __getitem__(self, name: str) -> pa.Array:
        """One column, normalized: one chunk, one string type, NaN in numbers kept as it is.

        Where a picture or a sound comes with its path (``struct<bytes, path>``, as Hugging Face
        writes them), it is the bytes, or the path where no cell has bytes.
        """
        if name not in self:
            raise DataError(
                f"There is no column {name!r} in the table.{suggestion(name, self.names)} "
                f"Its columns: {listing(self.names, 20)}."
            )
        return normal(unwrapped(self.arrow.column(name), name))

    @property
    def names(self) -> list[str]:
        """The columns, in their order."""
        return list(self.arrow.column_names)

    def take(self, rows: np.ndarray | Sequence[int]) -> "Table":
        """Some of the rows, by number. They are given back as an Arrow table."""
        schema = pa.schema([each.with_type(plain(each.type)) for each in self.arrow.schema])
        taken = self.arrow.cast(schema).take(pa.array(rows, pa.int64()))
        return Table(taken, self.root, places=self.numbers(rows))

    def numbers(self, rows: np.ndarray | Sequence[int]) -> np.ndarray:
        """What the user knows some rows as: their numbers in the table that they came from.

        Example:
            >>> Table.of({"age": [30, None, 40, 50]}).take([1, 3]).numbers([1]).tolist()
            [3]
        """
        wanted = np.asarray(rows, np.int64)
        return self.first + wanted if self.places is None else self.places[wanted]

    def where(self, column: str, *values: object) -> "Table":
        """The rows whose cell in a column is one of some values.

        Raises:
            DataError: If there is none.

        Example:
            >>> table = Table.of({"part": ["train", "test"], "age": [30, 40]})
            >>> table.where("part", "test")["age"].to_pylist()
            [40]
        """
        wanted = texts(pa.array([str(value) for value in values]))
        cells = texts(self[column])
        inside = pc.is_in(cells, value_set=wanted)
        if not pc.any(inside).as_py():
            there = cells.drop_null().unique().to_pylist()
            raise DataError(
                f"Some cell of {column!r} should be {listing(values)}. Found {listing(there)}."
            )
        return self.take(np.flatnonzero(inside.to_numpy(zero_copy_only=False)))

    def require(self, names: Iterable[str]) -> None:
        """Check that all these columns are there.

        Raises:
            DataError: If some are not; all of them are named, with near misses.
        """
        absent = [name for name in names if name not in self]
        problems = [
            f"There is no column {name!r} in the table.{suggestion(name, self.names)}"
            for name in absent[:MOST]
        ]
        if len(absent) > MOST:
            problems.append(f"{len(absent) - MOST:,} more columns are not there.")
        if problems:
            problems[-1] += f" The table has: {listing(self.names, MOST)}."
        together(problems)
