"""Days and moments."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from pydantic.dataclasses import dataclass
from torch import nn

from plait._errors import DataError
from plait.data import Masked, Note, Packed, Table
from plait.data._cells import is_string, is_time, texts

from ._base import STRICT, Modality

YEAR_FIRST = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S%z",
              "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M%z",
              "%Y-%m-%dT%H:%M%z", "%Y/%m/%d", "%Y%m%d", "%Y-%m")  # fmt: skip
"""Forms that cannot be taken for one another."""
FORMATS = (*YEAR_FIRST, "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y")
FRACTION = r"^(\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{2}:\d{2})[.,]\d+"
OLDEST = 1000
FEATURES = 9
CYCLES = (("year", 366.0), ("week", 7.0), ("day", 24.0), ("month", 31.0))


@dataclass(frozen=True, config=STRICT)
class Datetime(Modality):
    """Columns of days or moments, seen as a trend and as places in the year, month, week and day.

    A moment with a time zone is read in that zone's universal time; one without, as it stands.

    Args:
        format: How text is to be read (as in ``strptime``); left out, the first of a list of
            usual ones that fits every cell of training, and from then on that one or one that
            cannot be taken for another (2024-01-31). Parts of a second are left out.
        forms: How the text of each column is written, found by :meth:`fit`.
        center: The middle of each column, in days since 1970, found by :meth:`fit`.
        scale: The spread of each column in days, found by :meth:`fit`.
        span: The first and the last moment of each column, in days since 1970, found by
            :meth:`fit`; later ones are counted and used.

    Example:
        >>> table = Table.of({"sold": ["2024-01-31", None, "2024-03-01"]})
        >>> sold = Datetime(columns=("sold",)).fit(table)
        >>> packed = sold.pack(table)
        >>> packed.cells.values.shape, packed.cells.mask.tolist()
        (torch.Size([3, 1, 9]), [[True], [False], [True]])
    """

    format: str | None = None
    forms: tuple[str | None, ...] = ()
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    span: tuple[tuple[float, float], ...] = ()

    def fit(self, table: Table) -> "Datetime":
        """A copy that knows the middle and the spread of each column."""
        asked = (self.format,) if self.format else FORMATS
        read = [moments(table[column], asked, column) for column in self.columns]
        days = [_days(cells) for cells, _ in read]
        known = [d[np.isfinite(d)] for d in days]
        return replace(
            self,
            forms=tuple(form for _, form in read),
            center=tuple(float(k.mean()) if k.size else 0.0 for k in known),
            scale=tuple(max(float(k.std()), 1.0) if k.size else 1.0 for k in known),
            span=tuple((float(k.min()), float(k.max())) if k.size else (0.0, 0.0) for k in known),
        )

    def pack(self, table: Table) -> Packed:
        """Trend, sines and cosines: float32 ``[rows, columns, 9]``, mask ``[rows, columns]``."""
        if not self.center:
            raise self.unfitted()
        parts, notes = [], []
        found = zip(self.columns, self.forms, self.center, self.scale, strict=True)
        for column, form, center, scale in found:
            # Day first or month first is settled by the training rows: the few rows of a later
            # table may fit both.
            usual = (form, *YEAR_FIRST) if form else FORMATS
            cells, _ = moments(table[column], (self.format,) if self.format else usual, column)
            if cells.null_count:
                notes.append(Note(column, "missing", cells.null_count))
            notes += self._outside(column, cells)
            parts.append(_features(cells, center, scale))
        values = np.stack(parts, 1)
        mask = np.isfinite(values).all(2)
        values[~mask] = 0
        return Packed(Masked(torch.from_numpy(values), torch.from_numpy(mask)), tuple(notes))

    def _outside(self, column: str, cells: pa.Array) -> list[Note]:
        if not self.span:  # it was fitted by a plait that did not look
            return []
        first, last = self.span[self.columns.index(column)]
        days = _days(cells)
        count = int(((days < first) | (days > last)).sum())
        return [Note(column, "out of range", count)] if count else []

    def build(self, width: int) -> nn.Module:
        """A :class:`DatetimeEncoder` of as many columns."""
        if not self.center:
            raise self.unfitted()
        return DatetimeEncoder(len(self.columns), width)


class DatetimeEncoder(nn.Module):
    """Turn the calendar features of all columns into one token.

    Args:
        columns: How many columns there are.
        width: Size of the token.

    Shapes:
        - in: ``values`` float ``[batch, columns, 9]``, ``mask`` bool ``[batch, columns]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.
    """

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        size = columns * (FEATURES + 1)
        self.project = nn.Sequential(nn.Linear(size, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        there = cells.mask.unsqueeze(2)
        known = torch.cat([cells.values.where(there, 0.0), there.to(cells.values.dtype)], 2)
        return Masked(self.project(known.flatten(1)).unsqueeze(1), cells.present.unsqueeze(1))


def moments(
    column: pa.Array, forms: Sequence[str], name: str
) -> tuple[pa.TimestampArray, str | None]:
    """A column as timestamps without a zone, in universal time where the cells name one.

    Args:
        column: The cells.
        forms: How text may be written; the first that fits all cells is taken.
        name: The column's name, for messages.

    Returns:
        The timestamps, and the form of the text; None if there is no text.

    Raises:
        DataError: If it holds no dates, or text in a form that is not known.
    """
    if is_time(column.type):
        return column.cast(pa.timestamp("us"), safe=False), None
    if is_string(column.type):
        cells = texts(column)
        if cells.null_count == len(cells):
            return pa.nulls(len(cells), pa.timestamp("us")), None
        fewest = cells
        for form in forms:
            found = _parsed(cells, form)
            odd = cells.filter(pc.and_(found.is_null(), cells.is_valid()))
            if not len(odd):
                return found, form
            fewest = min(fewest, odd, key=len)
        raise DataError(
            f"The cells of {name!r} should be dates, all written like one of {', '.join(forms)}. "
            f"Found, for example, {fewest.slice(0, 3).to_pylist()}. Give `format=`, or empty "
            "these cells."
        )
    raise DataError(
        f"The cells of {name!r} should be dates. Found {column.type}. Leave the column out, or "
        "make dates of it."
    )


def _parsed(cells: pa.Array, form: str) -> pa.Array:
    whole = pc.replace_substring_regex(cells, FRACTION, r"\1")
    found = pc.strptime(whole, format=form, unit="us", error_is_null=True)
    found = found.cast(pa.timestamp("us"))
    # To strptime, the 24 of 01/31/24 may be a year of its own.
    short = pc.less(pc.year(found), OLDEST)
    return pc.if_else(short, pa.scalar(None, found.type), found)


def _days(cells: pa.Array) -> np.ndarray:
    seconds = cells.cast(pa.int64()).cast(pa.float64(), safe=False)
    return seconds.to_numpy(zero_copy_only=False) / (86_400 * 1e6)


def _features(cells: pa.Array, center: float, scale: float) -> np.ndarray:
    places = {
        "year": pc.day_of_year(cells),
        "month": pc.day(cells),
        "week": pc.day_of_week(cells),
        "day": pc.add(pc.hour(cells), pc.divide(pc.minute(cells).cast(pa.float64()), 60.0)),
    }
    columns = [(_days(cells) - center) / scale]
    for name, length in CYCLES:
        angle = places[name].cast(pa.float64()).to_numpy(zero_copy_only=False) * 2 * np.pi / length
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, 1).astype(np.float32)
