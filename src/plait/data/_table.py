"""A table of Arrow columns, wherever it came from."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from plait._errors import DataError, listing, suggestion, together

from ._cells import normal, plain, texts
from ._read import read

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

    Example:
        >>> table = Table.of({"age": [30, None], "name": ["Ann", "Bo"]})
        >>> len(table), table.names, "age" in table
        (2, ['age', 'name'], True)
        >>> table["age"].null_count
        1
    """

    arrow: pa.Table
    root: Path | None = None
    restore: Callable[[pa.Table], Any] = field(default=lambda arrow: arrow, repr=False)
    first: int = 0

    @classmethod
    def of(cls, source: Any, root: str | Path | None = None) -> "Table":
        """Whatever holds a table, as a :class:`Table`.

        Args:
            source: The path of a CSV, TSV, Parquet, Arrow, Feather or JSON-lines file (gzipped
                text is fine), a glob or a list of such paths; any object that speaks Arrow (a
                data frame of pandas or polars, a DuckDB relation, an Arrow table or reader);
                or a dict of columns (lists, NumPy arrays, tensors).
            root: The folder that relative paths in cells start from. Left out, it is the folder
                of the file, or the working folder for a table in memory.

        Raises:
            DataError: If there is no table in it, the table has no rows or no columns, or two
                columns share a name.
        """
        if isinstance(source, Table):
            return replace(source, root=Path(root)) if root else source
        if isinstance(source, str | Path) or _is_paths(source):
            arrow, home = read(source)
            return cls._checked(arrow, Path(root) if root else home)
        home = Path(root) if root else Path.cwd()
        if isinstance(source, Mapping):
            return cls._checked(_from_columns(source), home, pa.Table.to_pydict)
        kind = type(source).__module__.partition(".")[0]
        if kind == "pandas" and source.ndim == 2:
            twice = [str(name) for name in source.columns[source.columns.duplicated()]]
            _refuse_twice(twice)
            arrow = _from_pandas(source)
            index = source.index
            return cls._checked(arrow, home, lambda out: out.to_pandas().set_axis(index))
        if hasattr(source, "__arrow_c_stream__"):
            restore: Callable[[pa.Table], Any] = lambda out: out  # noqa: E731 (typed as the field)
            if kind == "polars":
                restore = type(source)
            return cls._checked(_from_stream(source), home, restore)
        raise DataError(
            "A table should be a path, a dict of columns, or an object that speaks Arrow (pandas, "
            f"polars, DuckDB, pyarrow). Found {type(source).__name__!r}."
        )

    @classmethod
    def _checked(
        cls, arrow: pa.Table, root: Path | None, restore: Callable[[pa.Table], Any] | None = None
    ) -> "Table":
        _refuse_twice(sorted({name for name in arrow.column_names if _count(arrow, name) > 1}))
        if not arrow.num_columns or not arrow.num_rows:
            raise DataError(
                "A table should have at least one row and one column. Found "
                f"{arrow.num_rows:,} rows and {arrow.num_columns:,} columns."
            )
        return cls(arrow, root, restore) if restore else cls(arrow, root)

    def __len__(self) -> int:
        return self.arrow.num_rows

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.arrow.schema.get_field_index(name) >= 0

    def __getitem__(self, name: str) -> pa.Array:
        """One column, normalized: one chunk, one string type, NaN in numbers kept as it is."""
        if name not in self:
            raise DataError(
                f"There is no column {name!r} in the table.{suggestion(name, self.names)} "
                f"Its columns: {listing(self.names, 20)}."
            )
        return normal(self.arrow.column(name))

    @property
    def names(self) -> list[str]:
        """The columns, in their order."""
        return list(self.arrow.column_names)

    def take(self, rows: np.ndarray | Sequence[int]) -> "Table":
        """Some of the rows, by number. They are given back as an Arrow table."""
        schema = pa.schema([each.with_type(plain(each.type)) for each in self.arrow.schema])
        return Table(self.arrow.cast(schema).take(pa.array(rows, pa.int64())), self.root)

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


def _is_paths(source: object) -> bool:
    return isinstance(source, list | tuple) and all(isinstance(p, str | Path) for p in source)


def _count(arrow: pa.Table, name: str) -> int:
    return len(arrow.schema.get_all_field_indices(name))


def _refuse_twice(names: list[str]) -> None:
    if names:
        raise DataError(
            f"Each column needs a name of its own. Used twice: {listing(names)}. "
            "Rename or drop one."
        )


def _from_stream(source: Any) -> pa.Table:
    try:
        return pa.table(source)
    except (pa.ArrowInvalid, TypeError) as error:
        raise DataError(
            f"A table should have columns with names. Found {type(source).__name__!r}. {error} "
            "Give it as a dict, {name: column}."
        ) from error


REFUSED = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError,
           OverflowError)  # fmt: skip
"""What Arrow raises for cells that do not make a column."""


def _from_pandas(frame: Any) -> pa.Table:
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except REFUSED as error:
        raise DataError(
            f"The cells of a column should be of one type. {' '.join(map(str, error.args))} "
            "Convert that column, for example with `.astype(str)`."
        ) from error


def _from_columns(columns: Mapping[Any, Any]) -> pa.Table:
    names = [str(name) for name in columns]
    _refuse_twice(sorted({name for name in names if names.count(name) > 1}))
    arrays, problems = {}, []
    for name, cells in columns.items():
        try:
            arrays[str(name)] = _from_cells(cells)
        except REFUSED as error:
            problems.append(
                f"Column {name!r} should be a list of cells of one type. {error}. Convert it first."
            )
    together(problems)
    lengths = {name: len(cells) for name, cells in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"All columns should have as many rows. Found {lengths}.")
    return pa.table(arrays)


def _from_cells(cells: Any) -> pa.Array:
    if isinstance(cells, str | bytes | Mapping | Set):
        raise TypeError(f"Found {type(cells).__name__!r}")
    if isinstance(cells, Tensor):
        cells = cells.detach().cpu()
        # NumPy has no bfloat16.
        cells = (cells.float() if cells.dtype == torch.bfloat16 else cells).numpy()
    if isinstance(cells, np.ndarray):
        cells = cells.astype(cells.dtype.newbyteorder("="), copy=False)
        if cells.ndim == 2:
            flat = pa.array(cells.reshape(-1))
            return pa.FixedSizeListArray.from_arrays(flat, cells.shape[1])
    if isinstance(cells, pa.Array | pa.ChunkedArray):
        return cells
    return pa.array(cells, from_pandas=True)
