"""What a target column seems to be."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError
from plait.data._cells import is_list, is_number, is_string, numbers, texts, vectors

from ._guess import CODE, Guess, are_numbers, sample, separator_of, words

QUANTITY = re.compile(
    r"(^|[^a-z])(count|counts|number|num|n|rating|ratings|score|scores|stars|age|rooms|bedrooms|"
    r"bathrooms|grade|price|amount|years|year|days|hours|minutes|total|size|length|weight|height|"
    r"sales|quantity|qty|votes|likes|level|points|sum|rank|cost|value|income|salary)([^a-z]|$)"
)

MOSTLY = 0.9


def guess_target(name: str, column: pa.Array) -> Guess:
    """The task type that fits a target column best, by its values and its name.

    Args:
        name: The column's name.
        column: Its cells.

    Raises:
        DataError: If it can be no target: every cell is empty, or it holds dates or bytes.

    Example:
        >>> guess_target("sold", pa.array([0, 1, None])).kind
        'Binary'
        >>> guess_target("stars", pa.array([1, 2, 5, 5, 4])).kind
        'Regression'
    """
    cells = sample(column)
    known = cells.drop_null()
    kind = cells.type
    if is_list(kind) and len(known):
        return _guess_list(known)
    scalar = is_string(kind) or is_number(kind) or pa.types.is_boolean(kind)
    text = texts(known).drop_null() if scalar else known
    if not len(text):
        raise DataError(
            f"The target {name!r} should have labels. Found none: every cell is empty. "
            "Fill some, or leave the target out."
        )
    if not scalar:
        raise DataError(
            f"The target {name!r} should hold numbers, classes or lists of them. Found {kind}. "
            "Turn it into one of these first."
        )
    whole = texts(column)
    distinct, labels = pc.count_distinct(whole).as_py(), len(whole) - whole.null_count
    if distinct == 1:
        raise DataError(
            f"The target {name!r} should have at least two different labels. Found only "
            f"{text[0].as_py()!r}. Leave the target out."
        )
    if distinct == 2:
        return Guess("Binary", "two different labels")
    if is_number(kind) or are_numbers(cells):
        return _guess_number(name, numbers(text)[0])
    separator = separator_of(cells)
    if separator:
        return Guess("MultiLabel", f"several labels in a cell, divided by {separator!r}",
                     (("separator", separator),))  # fmt: skip
    if distinct > 100 and distinct > 0.5 * labels:
        raise DataError(
            f"The target {name!r} should hold classes. Found {distinct:,} different texts in "
            f"{labels:,} rows: free text cannot be predicted. Leave it out, or group it."
        )
    return Guess("Multiclass", f"{distinct} names")


def _guess_list(known: pa.Array) -> Guess:
    if not is_number(known.type.value_type):
        return Guess("MultiLabel", "a list of names in each cell")
    matrix, there, _ = vectors(known)
    if there.mean() < MOSTLY:
        return Guess("MultiLabel", "lists of numbers that differ in length: codes")
    matrix = matrix[there]
    # A few rows that are no shares are mistakes, to be told with their numbers, and no other kind.
    shares = ((matrix >= 0).all(1) & (np.abs(matrix.sum(1) - 1) < 1e-3)).mean()
    if shares >= MOSTLY and matrix.shape[1] > 1:
        return Guess("Multiclass", "lists of shares that add up to 1: soft labels")
    return Guess("Regression", "lists of numbers: a vector")


def _guess_number(name: str, values: np.ndarray) -> Guess:
    values = values[np.isfinite(values)]
    if (values != values.round()).any():
        return Guess("Regression", "numbers with a fraction")
    if QUANTITY.search(words(name)):
        return Guess("Regression", "whole numbers, and the name says that they measure something")
    distinct, counts = np.unique(values, return_counts=True)
    if CODE.search(words(name)) and len(distinct) <= max(100, len(values) // 10):
        return Guess("Multiclass", "whole numbers, and the name says that they are codes")
    numbered = distinct[0] in (0, 1) and (np.diff(distinct) == 1).all()
    even = counts.min() * len(distinct) >= 0.3 * len(values)
    if numbered and even and len(distinct) <= 100:
        return Guess("Multiclass", f"numbered from {distinct[0]:.0f} to {distinct[-1]:.0f}, all "
                     "about as frequent: codes of classes")  # fmt: skip
    return Guess("Regression", "whole numbers")
