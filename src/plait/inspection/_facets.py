"""What a column says, in numbers that one rule can try."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError
from plait.data._cells import is_number, is_string, is_time, numbers, texts
from plait.modalities._datetime import FORMATS, moments
from plait.modalities._numeric import LARGEST
from plait.schema._guess import are_dates, are_numbers

LETTERS = (1, 2, 3)
"""How many letters at the beginning of a text are tried as a category."""
MANY = 0.5
"""From this share of different texts on, a column of text is tried by its parts too."""


class Facet(NamedTuple):
    """One side of a column.

    Args:
        what: What it is, to be put after the column's name; empty for the column itself.
        values: float64 ``[rows]``, NaN where a cell is empty.
        ordered: Whether values that are near each other are alike.
    """

    what: str
    values: np.ndarray
    ordered: bool


def facets(cells: pa.Array) -> list[Facet]:
    """The sides of a column that may give a target away; none for lists, bytes and structs.

    Example:
        >>> codes = pa.array([f"{'AB'[n % 2]}-{n:03d}" for n in range(9)])
        >>> [facet.what for facet in facets(codes)]
        ['', 'its first letter', 'its first 2 letters', 'its first 3 letters', 'the number in it']
    """
    kind = cells.type
    if is_time(kind) or (is_string(kind) and are_dates(cells)):
        return [Facet("", days(cells), True)]
    if is_number(kind) or (is_string(kind) and are_numbers(cells)):
        return [Facet("", numbers(cells)[0].clip(-LARGEST, LARGEST), True)]
    if not (is_string(kind) or pa.types.is_boolean(kind)):
        return []
    text = texts(cells)
    found = [Facet("", _codes(text), False)]
    if len(text) and pc.count_distinct(text).as_py() > MANY * (len(text) - text.null_count):
        for length in LETTERS:
            what = "its first letter" if length == 1 else f"its first {length} letters"
            found.append(Facet(what, _codes(pc.utf8_slice_codeunits(text, 0, length)), False))
        digits = pc.struct_field(pc.extract_regex(text, r"(?P<n>\d{1,15})"), "n")
        found.append(Facet("the number in it", numbers(digits)[0], True))
    return found


def days(cells: pa.Array) -> np.ndarray:
    """Days since 1970; NaN where a cell is empty or no date."""
    try:
        found = moments(cells, FORMATS, "it")[0]
    except DataError:
        return np.full(len(cells), np.nan)
    seconds = found.cast(pa.int64()).cast(pa.float64(), safe=False)
    return seconds.to_numpy(zero_copy_only=False) / (86_400 * 1e6)


def _codes(text: pa.Array) -> np.ndarray:
    places = text.dictionary_encode().indices.cast(pa.float64())
    return places.to_numpy(zero_copy_only=False)
