"""Soft labels: a list of probabilities in each cell."""

import numpy as np
import pyarrow as pa

from plait._errors import together
from plait.data._cells import vectors

TOLERANCE = 1e-3
"""How far from 1 a sum may be: what three written decimals can lose."""


def soft_labels(
    cells: pa.Array, column: str, classes: int, numbers: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A column of lists as probabilities.

    Args:
        cells: The lists.
        column: Its name, for messages.
        classes: How many entries each list must have; 0 where the first decides.
        numbers: The number of each row, for messages; left out, they are counted from 0.

    Returns:
        float32 ``[rows, classes]``, and which rows have a label.

    Raises:
        DataError: If a row is negative, does not add up to 1, is not finite or of another length.

    Example:
        >>> soft_labels(pa.array([[0.5, 0.5], [1.5, -0.5]]), "mood", 2)
        Traceback (most recent call last):
        ...
        plait._errors.DataError: The soft labels of 'mood' should be probabilities.
        Row 1 (counted from 0) has a negative entry: [1.5, -0.5]. Give
        each row shares of 0 or more that add up to 1.
    """
    matrix, there, wrong = vectors(cells)
    known = np.arange(len(cells)) if numbers is None else numbers
    remedy = "Give each row shares of 0 or more that add up to 1."
    head = f"The soft labels of {column!r} should be probabilities."
    problems = []
    if wrong:
        problems.append(
            f"{head} {_rows(known[wrong])} not finite or of another length than "
            f"{matrix.shape[1]}. {remedy}"
        )
    if classes and there.any() and matrix.shape[1] != classes:
        problems.append(
            f"{head} They should have {classes} entries a row, one for "
            f"each class. Found {matrix.shape[1]}. {remedy}"
        )
    negative = np.flatnonzero(there & (matrix < 0).any(1))
    if negative.size:
        example = np.round(matrix[negative[0]].astype(float), 4).tolist()
        verb = "has" if negative.size == 1 else "have"
        problems.append(
            f"{head} {_rows(known[negative], verb)} a negative entry: {example}. {remedy}"
        )
    sums = matrix.astype(np.float64).sum(1)
    off = np.flatnonzero(there & ~(matrix < 0).any(1) & (np.abs(sums - 1) > TOLERANCE))
    if off.size:
        verb = "adds" if off.size == 1 else "add"
        problems.append(
            f"{head} {_rows(known[off], verb)} up to {sums[off[0]]:.4g}, not 1. {remedy}"
        )
    together(problems)
    if not there.any():
        return np.zeros((len(there), classes), np.float32), there
    # Not a correction of the user's labels, but of their last decimal.
    matrix = np.where(there[:, None], matrix / np.where(there, sums, 1)[:, None], 0)
    return matrix.astype(np.float32), there


def _rows(rows: np.ndarray, verb: str | None = None) -> str:
    if rows.size == 1:
        return f"Row {rows[0]} (counted from 0) {verb or 'is'}"
    few = ", ".join(str(row) for row in rows[:5])
    return f"{rows.size:,} rows (counted from 0: {few}{', ...' * (rows.size > 5)}) {verb or 'are'}"
