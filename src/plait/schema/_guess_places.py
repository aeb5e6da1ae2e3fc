"""Latitudes and longitudes that belong together."""

from collections.abc import Sequence

from plait.modalities._geo_read import is_latitude, stem


def places(columns: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Pairs of latitude and longitude whose names differ in nothing else, and what is left over.

    Args:
        columns: Names that say latitude or longitude.

    Example:
        >>> places(["from_lat", "from_lon", "toLat", "toLng", "longitude"])
        ([('from_lat', 'from_lon'), ('toLat', 'toLng')], ['longitude'])
    """
    found: dict[str, tuple[list[str], list[str]]] = {}
    for column in columns:
        found.setdefault(stem(column), ([], []))[not is_latitude(column)].append(column)
    pairs = [(a[0], b[0]) for a, b in found.values() if len(a) == len(b) == 1]
    taken = {column for pair in pairs for column in pair}
    return pairs, [column for column in columns if column not in taken]
