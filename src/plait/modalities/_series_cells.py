"""The lists in the cells of series, end to end."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError, listing
from plait.data import Note
from plait.data._cells import is_list, is_number, is_string, is_time, numbers, texts

from ._series_events import Events


@dataclass(frozen=True, eq=False)
class Entries:
    """What stands side by side in the lists of a column.

    Args:
        row: The row of each entry, int64 ``[entries]``.
        place: Where it stands in the list of its row, int64 ``[entries]``.
        fields: Its parts by name; one without a name where it is no struct.
    """

    row: np.ndarray
    place: np.ndarray
    fields: dict[str, pa.Array]


def kept(
    column: str,
    row: np.ndarray,
    channel: np.ndarray,
    time: np.ndarray,
    value: np.ndarray,
    lost: int,
) -> tuple[Events, list[Note]]:
    """The measurements that have a time and a number, and a count of the others."""
    timeless, empty = np.isnan(time), np.isnan(value)
    counts = (
        (int(empty.sum()) - lost, "measurements without a number"),
        (lost, "measurements that are no finite number"),
        (int((timeless & ~empty).sum()), "measurements without a time"),
    )
    notes = [Note(column, what, count) for count, what in counts if count > 0]
    events = Events(row, channel.astype(np.int64), time, value)
    return events.take(~timeless & ~empty), notes


def values_of(column: str, cells: pa.Array) -> tuple[np.ndarray, int]:
    """Numbers as float64, and how many entries are no finite number."""
    kind = cells.type
    plain = is_number(kind) or is_string(kind) or pa.types.is_boolean(kind)
    if not (plain or pa.types.is_null(kind)):
        raise DataError(
            f"The series {column!r} should hold numbers. Found {cells.type}. If these are the "
            "names of what was measured, say so: `variable=...`."
        )
    return numbers(cells)


def times_of(name: str, cells: pa.Array) -> tuple[np.ndarray, str]:
    """Times as float64: numbers as they stand, moments and durations in seconds."""
    if is_string(cells.type):
        return _written(name, cells)
    if is_time(cells.type):
        stamps = cells.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return numbers(stamps)[0] / 1e6, "moments"
    if pa.types.is_duration(cells.type):
        return numbers(cells.cast(pa.duration("us"), safe=False).cast(pa.int64()))[
            0
        ] / 1e6, "numbers"
    if not is_number(cells.type):
        raise DataError(
            f"The times {name!r} of a series should be numbers, moments or durations. Found "
            f"{cells.type}. Convert them first."
        )
    return numbers(cells)[0], "numbers"


def _written(name: str, cells: pa.Array) -> tuple[np.ndarray, str]:
    """Times in text: numbers, or else moments."""
    text = texts(cells)
    values, lost = numbers(text)
    if not lost or np.isfinite(values).any():
        return values, "numbers"
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            stamps = text.cast(kind)
        except pa.ArrowInvalid:
            continue
        return numbers(stamps.cast(pa.int64()))[0] / 1e6, "moments"
    raise DataError(
        f"The times {name!r} of a series should be numbers, moments or durations. Found text that "
        f"is none of these, for example {listing(text.drop_null().unique().to_pylist(), 3)}. Write "
        "all moments like 2024-05-31T08:30:00, with a zone or without, or convert them first."
    )


def is_entry(kind: pa.DataType) -> bool:
    """Whether single entries are of this type, and not lists or structs."""
    return not (is_list(kind) or pa.types.is_struct(kind))


def lists_of(cells: pa.Array, column: str) -> pa.Array:
    """The cells as lists; nulls for a column of which nothing is there."""
    # An empty column comes without a type of its own, or as empty text.
    hollow = texts(cells) if is_string(cells.type) else cells
    if hollow.null_count == len(cells):
        return pa.nulls(len(cells), pa.large_list(pa.float64()))
    if not is_list(cells.type):
        raise DataError(
            f"The cells of the series {column!r} should be lists: of numbers, of lists of numbers, "
            f"or of {{time, variable, value}}. Found {cells.type}. Gather the rows of a long table "
            "with `plait.data.nested`."
        )
    return cells.cast(pa.large_list(cells.type.value_type))


def entries_of(cells: pa.Array) -> Entries:
    """All lists end to end."""
    lengths = pc.fill_null(pc.list_value_length(cells), 0).to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(len(cells)), lengths)
    place = np.arange(len(row)) - np.repeat(lengths.cumsum() - lengths, lengths)
    flat = cells.flatten()
    if not pa.types.is_struct(flat.type):
        return Entries(row, place, {"": flat})
    names = [field.name for field in flat.type]
    return Entries(row, place, dict(zip(names, flat.flatten(), strict=True)))
