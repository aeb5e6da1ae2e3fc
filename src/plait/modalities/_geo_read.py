"""Degrees of latitude and longitude, out of whatever holds them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError
from plait.data import Table
from plait.data._cells import is_list, is_number, is_string, numbers, texts

LATITUDE = re.compile(r"(^|[^a-z])(lat|latitude)$")
LONGITUDE = re.compile(r"(^|[^a-z])(lon|lng|long|longitude)$")
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
PAIR = rf"^\(?\s*(?P<latitude>{NUMBER})\s*[,; ]\s*(?P<longitude>{NUMBER})\s*\)?$"


def is_latitude(name: str) -> bool:
    """Whether a column's name says that it holds latitudes.

    Example:
        >>> is_latitude("pickupLatitude"), is_latitude("flat")
        (True, False)
    """
    return bool(LATITUDE.search(_words(name)))


def is_longitude(name: str) -> bool:
    """Whether a column's name says that it holds longitudes."""
    return bool(LONGITUDE.search(_words(name)))


def stem(name: str) -> str:
    """What is left of the name of a latitude or a longitude.

    Example:
        >>> stem("pickup_lat") == stem("pickupLongitude")
        True
    """
    return LONGITUDE.sub("", LATITUDE.sub("", _words(name)))


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip()).lower()


@dataclass(frozen=True)
class Degrees:
    """Places as they stand in a table.

    Args:
        latitude: Degrees, float64 ``[rows]``; 0 where there is no place.
        longitude: Likewise.
        there: Which rows have both.
        missing: How many cells of each column are empty.
        wrong: For each column the rows whose cell is out of range, or no number.
    """

    latitude: np.ndarray
    longitude: np.ndarray
    there: np.ndarray
    missing: Mapping[str, int]
    wrong: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, table: Table, columns: Sequence[str]) -> "Degrees":
        """The places of two columns, or of one that holds pairs.

        Raises:
            DataError: If the cells of one column are no pairs.
        """
        if len(columns) == 2:
            halves = [_numbers(table[column]) for column in columns]
        else:
            halves = list(_pairs(table[columns[0]], columns[0]))
        (latitude, empty, odd), (longitude, blank, strange) = halves
        odd = odd | (np.abs(latitude) > 90)
        strange = strange | (longitude < -180) | (longitude > 360)
        if len(columns) == 1:
            # A cell is a whole place: half of one is no place, and not an empty cell.
            odd, empty = odd | strange | (empty ^ blank), empty & blank
            odd &= ~empty
            missing = {columns[0]: int(empty.sum())}
            wrong = {columns[0]: np.flatnonzero(odd)}
        else:
            missing = {columns[0]: int(empty.sum()), columns[1]: int(blank.sum())}
            wrong = {columns[0]: np.flatnonzero(odd), columns[1]: np.flatnonzero(strange)}
        there = ~(empty | blank | odd | strange)
        return cls(
            np.where(there, latitude, 0.0), np.where(there, longitude, 0.0), there, missing, wrong
        )


def _numbers(cells: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers with 0 where there is none, which cells are empty, and which are no number."""
    values, _ = numbers(cells)
    none = np.isnan(values)
    if is_number(cells.type):
        plain = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        odd = np.isinf(plain)
    else:
        odd = none & texts(cells).is_valid().to_numpy(zero_copy_only=False)
    return np.where(none, 0.0, values), none & ~odd, odd


def _pairs(cells: pa.Array, column: str) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    kind = cells.type
    if is_string(kind):
        text = texts(cells)
        found = pc.extract_regex(text, PAIR)
        halves = [_numbers(pc.struct_field(found, name)) for name in ("latitude", "longitude")]
        said = text.is_valid().to_numpy(zero_copy_only=False)
        return [(values, empty & ~said, odd | (empty & said)) for values, empty, odd in halves]
    if is_list(kind):
        cells = cells.cast(pa.large_list(kind.value_type))
        pair = pc.fill_null(pc.equal(pc.list_value_length(cells), 2), False)
        two = pc.if_else(pair, cells, pa.scalar(None, cells.type))
        flat = two.flatten()
        rows = np.flatnonzero(pair)
        odd = np.flatnonzero(pc.and_(cells.is_valid(), pc.invert(pair)))
        return [_spread(flat, side, rows, odd, len(cells)) for side in (0, 1)]
    if pa.types.is_struct(kind):
        fields = [field.name for field in kind]
        first = [name for name in fields if is_latitude(name)]
        second = [name for name in fields if is_longitude(name)]
        if len(first) == 1 == len(second):
            return [_numbers(pc.struct_field(cells, name)) for name in (first[0], second[0])]
    raise DataError(
        f"The cells of the place input {column!r} should be text like '48.14, 11.58', lists of "
        f"two numbers, or structs of latitude and longitude. Found {kind}."
    )


def _spread(
    flat: pa.Array, side: int, rows: np.ndarray, odd: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One half of each pair, among all rows."""
    some, none, strange = _numbers(flat.take(pa.array(np.arange(side, len(flat), 2))))
    values, empty, wrong = np.zeros(count), np.ones(count, bool), np.zeros(count, bool)
    values[rows], empty[rows], wrong[rows] = some, none, strange
    empty[odd], wrong[odd] = False, True
    return values, empty, wrong


def directions(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Unit vectors ``[rows, 3]`` of places in degrees.

    Example:
        >>> directions(np.array([0.0, 90.0]), np.array([180.0, 5.0])).round(9).tolist()
        [[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], 1)
