"""Rows of a long table, into the rows of another that they belong to."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError, PlaitWarning, listing

from ._cells import is_number, is_string, is_time, texts
from ._table import Table


def nested(
    table: Any,
    long: Any,
    *,
    key: str,
    time: str | None = None,
    variable: str | None = None,
    value: str | Sequence[str] = "value",
    name: str = "series",
) -> Table:
    """A table with one more column: for each row, the rows of a long table that bear its key.

    Use it to bring a table of single measurements (one a row: whose, when, what, how much) into
    the form that :class:`~plait.modalities.Series` takes. Cells are lists of
    ``{time, variable, value}``, or of what is named of these, sorted by time. Rows of the long
    table whose key is in no row of the other are left out with a warning that counts them, and a
    row without any gets an empty cell. Nothing is done row by row.

    Args:
        table: Whatever holds a table: a row for each key.
        long: Whatever holds the long table.
        key: The column that says to which row one belongs; both tables have it. Its cells are
            text, numbers, booleans, days or moments.
        time: The column that says when.
        variable: The column that says what was measured.
        value: The column that says how much, or several such columns of a wide table, which keep
            their names.
        name: What the new column is called.

    Raises:
        DataError: If a column is not there, there is one called ``name`` already, a key is
            missing or stands twice in the table, keys are of another type than those above, or
            none of the long table is in the other.

    Example:
        >>> stays = {"stay": ["b", "a", "c"]}
        >>> charts = {"stay": ["a", "b", "a"], "minute": [9, 5, 7], "what": ["HR", "HR", "K"],
        ...           "value": [80.0, 75.0, 4.1]}
        >>> done = nested(stays, charts, key="stay", time="minute", variable="what")
        >>> done["series"].to_pylist()[1][0]
        {'time': 7, 'variable': 'K', 'value': 4.1}
        >>> done["series"].is_valid().to_pylist()
        [True, True, False]
    """
    home, away = Table.of(table), Table.of(long)
    values = [value] if isinstance(value, str) else list(value)
    roles = {"time": time, "variable": variable, **{_called(each, value): each for each in values}}
    fields = {role: column for role, column in roles.items() if column is not None}
    home.require([key])
    away.require([key, *fields.values()])
    if name in home:
        raise DataError(f"There is a column {name!r} already. Choose another `name`.")
    for each in (home[key], away[key]):
        _check_type(key, each.type)
    known, keys = _keys(home[key], away[key])
    _refuse(home, key, known)
    places = pc.index_in(keys, value_set=known)
    parts = [away[column] for column in fields.values()]
    inside = np.flatnonzero(places.is_valid())
    _tell_left_out(key, known, keys, len(inside))
    row = places.take(pa.array(inside)).to_numpy().astype(np.int64)
    order = _order(row, away[time].take(pa.array(inside)) if time else None)
    taken = pa.array(inside[order])
    entries = pa.StructArray.from_arrays([part.take(taken) for part in parts], names=list(fields))
    counts = np.bincount(row, minlength=len(home))
    offsets = np.concatenate([[0], counts.cumsum()]).astype(np.int64)
    cells = pa.LargeListArray.from_arrays(pa.array(offsets), entries, mask=pa.array(counts == 0))
    return Table.of(home.arrow.append_column(name, cells), root=home.root)


def _called(column: str, value: str | Sequence[str]) -> str:
    return "value" if isinstance(value, str) else column


def _order(row: np.ndarray, times: pa.Array | None) -> np.ndarray:
    if times is None:
        return np.argsort(row, kind="stable")
    keys = pa.table({"row": row, "time": times, "place": np.arange(len(row))})
    wanted: Any = [("row", "ascending"), ("time", "ascending"), ("place", "ascending")]
    return pc.sort_indices(keys, sort_keys=wanted).to_numpy()


def _keys(one: pa.Array, other: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Both in one type: 3, 3.0 and "3" are the same key."""
    if one.type == other.type and not (is_number(one.type) or is_string(one.type)):
        return one, other
    if is_time(one.type) and is_time(other.type):
        moment = pa.timestamp("us")
        return one.cast(moment, safe=False), other.cast(moment, safe=False)
    if pa.types.is_integer(one.type) and pa.types.is_integer(other.type):
        return one.cast(pa.int64()), other.cast(pa.int64())
    return texts(one), texts(other)


def _check_type(key: str, kind: pa.DataType) -> None:
    plain = is_string(kind) or is_number(kind) or is_time(kind) or pa.types.is_boolean(kind)
    if not plain:
        raise DataError(
            f"The keys in {key!r} should be text, numbers, booleans, days or moments. Found "
            f"{kind}. Make them text first."
        )


def _tell_left_out(key: str, known: pa.Array, keys: pa.Array, met: int) -> None:
    left = len(keys) - met
    filled = keys.drop_null()
    if not met:
        there = repr(filled[0].as_py()) if len(filled) else "no key at all"
        here = repr(known[0].as_py()) if len(known) else "none"
        raise DataError(
            f"Some of the keys in {key!r} should stand in both tables. Found none that does: the "
            f"long table has, for example, {there}, and the other {here}. Give both the same keys."
        )
    if left:
        warnings.warn(
            f"{left:,} of {len(keys):,} rows of the long table are left out: {keys.null_count:,} "
            f"have no key in {key!r}, {left - keys.null_count:,} one that is not in the table.",
            PlaitWarning,
            stacklevel=3,
        )


def _refuse(table: Table, key: str, known: pa.Array) -> None:
    if known.null_count:
        rows = table.numbers(np.flatnonzero(known.is_null())).tolist()
        raise DataError(
            f"Each row should have a key in {key!r}. Found none in rows {listing(rows)}. Fill or "
            "drop these rows."
        )
    counts = known.value_counts()
    twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if len(twice):
        raise DataError(
            f"Each key in {key!r} should stand in one row of the table. Several rows have "
            f"{listing(twice.to_pylist())}. Drop the others, or make the table from its distinct "
            "keys."
        )
