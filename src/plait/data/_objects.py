"""Objects in memory to Arrow tables."""

from collections import Counter
from collections.abc import Callable, Mapping, Set
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from plait._errors import DataError, listing, together

Restore = Callable[[pa.Table], Any]
"""Turns an Arrow table into the kind of table that came in."""

REFUSED = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError,
           OverflowError)  # fmt: skip
"""What Arrow raises for cells that do not make a column."""


def same(arrow: pa.Table) -> pa.Table:
    """An Arrow table, as it is."""
    return arrow


def package(data: object) -> str:
    """The package that the type of an object comes from: ``pandas``."""
    return type(data).__module__.partition(".")[0]


def from_object(data: Any) -> tuple[pa.Table, Restore]:
    """A dict of columns or a table in memory, in Arrow's form.

    Raises:
        DataError: If there is no table in it.
    """
    if isinstance(data, Mapping):
        return _from_columns(data), pa.Table.to_pydict
    kind = package(data)
    if kind == "pandas" and data.ndim == 2:
        refuse_twice([str(name) for name in data.columns])
        index = data.index
        return _from_pandas(data), lambda out: out.to_pandas().set_axis(index)
    if hasattr(data, "__arrow_c_stream__"):
        return _from_stream(data), type(data) if kind == "polars" else same
    raise DataError(
        "A table should be a path, a dict of columns, or an object that speaks Arrow (pandas, "
        f"polars, DuckDB, pyarrow). Found {type(data).__name__!r}."
    )


def refuse(schema: pa.Schema, rows: int) -> None:
    """Check that there is a table at all.

    Raises:
        DataError: If it has no rows or no columns, or two columns share a name.
    """
    refuse_twice(schema.names)
    if not schema.names or not rows:
        raise DataError(
            "A table should have at least one row and one column. Found "
            f"{rows:,} rows and {len(schema.names):,} columns. Was it filtered too much?"
        )


def refuse_twice(names: list[str]) -> None:
    """Check that no two columns share a name.

    Raises:
        DataError: If some do.
    """
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DataError(
            f"Each column needs a name of its own. Used twice: {listing(twice)}. "
            "Rename or drop one."
        )


def _from_stream(source: Any) -> pa.Table:
    if isinstance(source, pa.Table):
        return source
    try:
        return pa.table(source)
    except (pa.ArrowInvalid, TypeError) as error:
        raise nameless(source, error) from error


def nameless(data: object, error: Exception) -> DataError:
    """The error for what speaks Arrow and is no table."""
    return DataError(
        f"A table should have columns with names. Found {type(data).__name__!r}. {error} "
        "Give it as a dict, {name: column}."
    )


def _from_pandas(frame: Any) -> pa.Table:
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except REFUSED as error:
        raise DataError(
            f"The cells of a column should be of one type. {' '.join(map(str, error.args))} "
            "Convert that column, for example with `.astype(str)`."
        ) from error


def _from_columns(columns: Mapping[Any, Any]) -> pa.Table:
    refuse_twice([str(name) for name in columns])
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
        usual = max(set(lengths.values()), key=[*lengths.values()].count)
        odd = {name: length for name, length in lengths.items() if length != usual}
        raise DataError(
            f"All columns should have as many rows: most have {usual:,}. Found "
            f"{', '.join(f'{length:,} in {name!r}' for name, length in odd.items())}. Put None "
            "where a cell is missing."
        )
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
