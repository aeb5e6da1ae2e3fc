"""What an input column seems to be."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.data._cells import is_bytes, is_list, is_number, is_string, is_time, numbers, texts
from plait.modalities._geo_read import is_latitude, is_longitude

from ._guess import (
    CODE,
    IDENTITY,
    SAMPLE,
    SPLIT,
    SPLITS,
    Guess,
    are_dates,
    are_numbers,
    are_pictures,
    average_words,
    sample,
    separator_of,
    words,
)
from ._guess_sounds import are_sounds

MOVING = re.compile(r"(^|[^a-z])(frames?|videos?|clips?|gifs?)([^a-z]|$)")
COUNTS = "it counts the rows"
ALIKE = 0.95
"""Vectors are one, if so many of those that are not empty are of one length."""


def guess_input(name: str, column: pa.Array) -> Guess:
    """The modality that fits a column best, by its values and its name.

    Args:
        name: The column's name.
        column: Its cells.

    Example:
        >>> guess_input("zip_code", pa.array([80331, 10115, 10117, 80331, 80331]))
        Guess(kind='Categorical', why='whole numbers, and the name says that they are codes', ...)
        >>> guess_input("photo", pa.array(["a/1.jpg", "a/2.jpg"])).kind
        'Image'
    """
    cells = sample(column)
    known = cells.drop_null()
    if not len(known):
        return Guess("ignore", "every cell is empty")
    kind = cells.type
    if is_list(kind):
        return _guess_list(name, known)
    if is_bytes(kind):
        if are_sounds(cells):
            return Guess("Audio", "bytes that begin like a sound")
        if are_pictures(cells):
            return Guess("Image", "bytes that begin like a picture")
        return Guess("ignore", "bytes of an unknown kind")
    if is_time(kind):
        return Guess("Datetime", "days or moments")
    if not (is_string(kind) or is_number(kind) or pa.types.is_boolean(kind)):
        return Guess("ignore", f"cells of type {kind}")
    text = texts(known).drop_null()
    distinct = pc.count_distinct(text).as_py()
    if not len(text):
        return Guess("ignore", "every cell is empty")
    if distinct == 1 and _constant(column):
        return Guess("ignore", f"always {text[0].as_py()!r}")
    if SPLIT.search(words(name)) and _are_splits(name, text.unique()):
        return Guess("ignore", "it says which part of the data a row belongs to")
    if pa.types.is_boolean(kind):
        return Guess("Categorical", "yes and no")
    if is_number(kind) or are_numbers(cells):
        if (is_latitude(name) or is_longitude(name)) and _is_degrees(name, column):
            half = "latitude" if is_latitude(name) else "longitude"
            return Guess("Geo", f"degrees, and the name says {half}; alone it is a number")
        return _guess_number(name, column, distinct)
    return _guess_text(name, cells, text, distinct)


def _guess_list(name: str, known: pa.Array) -> Guess:
    entry = known.type.value_type
    if is_string(entry) or is_bytes(entry):
        return _guess_bag(name, known.flatten().drop_null())
    if is_number(entry):
        # A list that is empty or cut off is a fault of its row, and not of the column.
        lengths = pc.list_value_length(known).to_numpy(zero_copy_only=False)
        length, count = _most_frequent(lengths[lengths > 0])
        # Where many are empty, a part of the rows may have no vectors to learn from.
        many = 3 * count >= 2 * len(lengths)
        if many and count >= ALIKE * (lengths > 0).sum():
            return Guess("Vector", f"lists of {length} numbers")
        return Guess("ignore", "lists of numbers that differ in length")
    if is_list(entry) and is_number(entry.value_type):
        return Guess("Series", "lists of numbers at each point of time")
    if pa.types.is_struct(entry) and {"time", "variable"} & {each.name for each in entry}:
        if _are_measured(entry):
            return Guess("Series", "lists of measurements with their time or their name")
        return Guess("ignore", "lists with a time or a name, without numbers beside it")
    return Guess("ignore", f"lists of {entry}")


def _most_frequent(lengths: np.ndarray) -> tuple[int, int]:
    found, counts = np.unique(lengths, return_counts=True)
    return (int(found[counts.argmax()]), int(counts.max())) if len(found) else (0, 0)


def _are_measured(entry: pa.StructType) -> bool:
    """Whether there are numbers beside the time or the name."""
    fields = {each.name: each.type for each in entry}
    beside = [kind for name, kind in fields.items() if name not in ("time", "variable")]
    if "variable" in fields:
        beside = [fields["value"]] if "value" in fields else beside[:1]
    plain = [
        is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind) or is_string(kind)
        for kind in beside
    ]
    return all(plain) and any(is_number(each) or pa.types.is_boolean(each) for each in beside)


def _guess_bag(name: str, items: pa.Array) -> Guess:
    if are_sounds(items):
        form = "paths" if is_string(items.type) else "bytes"
        return Guess("Bag", f"lists of the {form} of sounds", (("of", "Audio"),))
    if are_pictures(items):
        form = "paths" if is_string(items.type) else "bytes"
        if MOVING.search(words(name)):
            return Guess("Video", f"lists of the {form} of pictures, and the name says video")
        return Guess("Bag", f"lists of the {form} of pictures", (("of", "Image"),))
    if is_bytes(items.type):
        return Guess("ignore", "lists of bytes of an unknown kind")
    if average_words(items) >= 3:
        return Guess("Bag", "lists of texts", (("of", "Text"),))
    return Guess("Tags", "a list of names in each cell")


def _is_degrees(name: str, column: pa.Array) -> bool:
    lowest, highest = (-90, 90) if is_latitude(name) else (-180, 360)
    values = numbers(column)[0]
    values = values[np.isfinite(values)]
    return len(values) > 0 and bool(lowest <= values.min() and values.max() <= highest)


def _constant(column: pa.Array) -> bool:
    # All of the column, and not the sample: what is rare may be what matters.
    text = texts(column)
    return text.null_count == 0 and pc.count_distinct(text).as_py() == 1


def _are_splits(name: str, values: pa.Array) -> bool:
    if set(pc.utf8_lower(values).to_pylist()) <= SPLITS:
        return True
    # A fold is one of a few, numbered or named; a fold change is a measure.
    fraction = pc.any(pc.match_substring_regex(values, r"^[+-]?\d*\.\d")).as_py()
    return "fold" in words(name) and len(values) <= 20 and not fraction


def _guess_number(name: str, column: pa.Array, distinct: int) -> Guess:
    values = numbers(column)[0]
    values = values[np.isfinite(values)]
    whole = bool((values == values.round()).all())
    # The number of different ones in a sample is too small to say so, but can deny it.
    unique = len(values) > 1 and distinct >= min(len(values), SAMPLE) * 0.9
    unique = unique and len(np.unique(values)) == len(values)
    if whole and unique:
        if IDENTITY.search(words(name)):
            return Guess("ignore", "an id: a different whole number in every row")
        steps = values[1:] - values[:-1]
        if values[0] in (0, 1) and (steps == 1).all():
            return Guess("ignore", COUNTS)
    if whole and CODE.search(words(name)):
        return Guess("Categorical", "whole numbers, and the name says that they are codes")
    return Guess("Numeric", "numbers")


def _guess_text(name: str, cells: pa.Array, text: pa.Array, distinct: int) -> Guess:
    if are_pictures(text):
        return Guess("Image", "paths of pictures")
    if are_sounds(text):
        return Guess("Audio", "paths of sounds")
    if are_dates(cells):
        return Guess("Datetime", "text that holds dates")
    separator = separator_of(cells)
    if separator:
        return Guess("Tags", f"several names in a cell, divided by {separator!r}",
                     (("separator", separator),))  # fmt: skip
    share, many = distinct / len(text), average_words(cells)
    if distinct <= 20 or share < 0.05:
        few = "few different values" if distinct > 1 else "one value, and empty cells"
        if not (share > 0.5 and many >= 3):
            return Guess("Categorical", few)
    if many >= 3 or (many >= 1.5 and share > 0.3):
        return Guess("Text", f"{many:.0f} words in a cell, {share:.0%} of cells different")
    if share > 0.95 and (IDENTITY.search(words(name)) or many < 1.1):
        return Guess("ignore", "an id: a different value in nearly every row")
    return Guess("Categorical", f"short text, {share:.0%} of cells different")
