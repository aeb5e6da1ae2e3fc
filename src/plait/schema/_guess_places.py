"""Latitudes and longitudes that belong together."""

from collections.abc import Collection, Sequence

import pyarrow as pa

from plait._errors import ConfigError
from plait.data._cells import is_number, is_string
from plait.modalities._geo_read import is_latitude, is_longitude, stem

from ._guess import are_numbers, sample


def places(columns: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Pairs of latitude and longitude whose names differ in nothing else, and what is left over.

    Args:
        columns: Names of columns of degrees; those that say neither latitude nor longitude are
            left over.

    Example:
        >>> places(["from_lat", "from_lon", "toLat", "toLng", "longitude"])
        ([('from_lat', 'from_lon'), ('toLat', 'toLng')], ['longitude'])
    """
    found: dict[str, tuple[list[str], list[str]]] = {}
    for column in filter(_says_so, columns):
        found.setdefault(stem(column), ([], []))[not is_latitude(column)].append(column)
    pairs = [(a[0], b[0]) for a, b in found.values() if len(a) == len(b) == 1]
    taken = {column for pair in pairs for column in pair}
    return pairs, [column for column in columns if column not in taken]


def halved(column: pa.Array) -> bool:
    """Whether cells are single numbers, which are no more than half of a place.

    Example:
        >>> halved(pa.array(["48.1", None])), halved(pa.array(["48.1, 11.5"]))
        (True, False)
    """
    kind = column.type
    return is_number(kind) or (is_string(kind) and are_numbers(sample(column)))


def unpaired(alone: Sequence[str], said: Collection[str]) -> None:
    """Refuse the columns that were said to be places, and are half of one each.

    Raises:
        ConfigError: If there are such columns.
    """
    lost = [column for column in alone if column in said]
    if lost:
        pair = tuple(lost[:2]) if len(lost) > 1 else ("latitude", "longitude")
        raise ConfigError(
            f"A place of numbers should have two columns, named alike but for `lat` and `lon`. "
            f"Found {lost}, without the other half. Say which two belong together, latitude "
            f'first, under a new name: inputs={{"place": Geo(columns=("{pair[0]}", "{pair[1]}"))}}.'
        )


def _says_so(name: str) -> bool:
    return is_latitude(name) or is_longitude(name)
