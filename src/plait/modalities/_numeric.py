"""Numbers: a group of columns to one token."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from plait._errors import DataError
from plait.data import Masked, Note, Packed, Table
from plait.data._cells import numbers

from ._base import FAR, STRICT, Modality
from ._numeric_column import NumericColumn
from ._numeric_encoder import NumericEncoder

SMALLEST = 1e-12
"""A spread below this share of the numbers themselves is rounding."""
LARGEST = 1e100
"""Numbers end here: squares and sums of larger ones do not fit in a float."""


@dataclass(frozen=True, config=STRICT)
class Numeric(Modality):
    """Columns of numbers whose order means something.

    Use it for measures and counts. Codes that only look like numbers belong to
    :class:`~plait.modalities.Categorical`, many entries without names of their own to
    :class:`~plait.modalities.Vector`.

    NaN and infinity are missing; numbers outside the range of training are counted and used.

    Args:
        scaling: ``"standard"`` subtracts the mean and divides by the standard deviation;
            ``"quantile"`` maps the ranks of training to a normal distribution, by as many steps
            as there are ``bins``.
        embedding: How a number is laid out for the network: ``"piecewise"`` says how far it reaches
            into each of some intervals, ``"periodic"`` gives sines and cosines of learned
            frequencies, ``"linear"`` the scaled number alone. All three keep the number itself.
        bins: How many intervals a column has at most, or how many frequencies.
        fitted: What the columns looked like in training, found by :meth:`fit`.

    Raises:
        DataError: From :meth:`fit`, if cells of a column are filled, and none is a finite number.

    Example:
        >>> table = Table.of({"age": [20.0, None, 40.0], "sum": [1.0, 2.0, 3.0]})
        >>> body = Numeric(columns=("age", "sum")).fit(table)
        >>> packed = body.pack(table)
        >>> packed.cells.values[:, 0].tolist(), packed.cells.mask[:, 0].tolist()
        ([-1.0, 0.0, 1.0], [True, False, True])
        >>> print(*packed.notes)
        age: 1 missing
    """

    scaling: Literal["standard", "quantile"] = "standard"
    embedding: Literal["piecewise", "periodic", "linear"] = "piecewise"
    bins: PositiveInt = 32
    fitted: tuple[NumericColumn, ...] | None = None

    def fit(self, table: Table) -> "Numeric":
        """A copy that knows the range, the spread and the quantiles of each column."""
        read = {column: _read(table[column]) for column in self.columns}
        # A column of which every cell is empty is let be: it says nothing, and means no harm.
        none = [c for c, (values, lost) in read.items() if lost and not np.isfinite(values).any()]
        if none:
            raise DataError(
                f"The columns {none} should hold numbers. Found none in the cells that are filled, "
                f"for example {_example(table[none[0]])}. Leave these columns out, or choose "
                "another kind of input."
            )
        return replace(
            self, fitted=tuple(_fitted(values, self.bins) for values, _ in read.values())
        )

    def pack(self, table: Table) -> Packed:
        """Scaled numbers: float32 ``[rows, columns]``, mask ``[rows, columns]``."""
        if self.fitted is None:
            raise self.unfitted()
        scaled, notes = [], []
        for column, known in zip(self.columns, self.fitted, strict=True):
            cells = table[column]
            values, lost = _read(cells)
            outside = int(((values < known.low) | (values > known.high)).sum())
            missing = int(np.isnan(values).sum()) - lost
            counts = (missing, "missing"), (lost, "no finite number"), (outside, "out of range")
            notes += [Note(column, what, count) for count, what in counts if count]
            scaled.append(self._scaled(values, known))
        matrix = np.stack(scaled, 1)
        mask = np.isfinite(matrix)
        matrix[~mask] = 0
        cells = Masked(torch.from_numpy(matrix.astype(np.float32)), torch.from_numpy(mask))
        return Packed(cells, tuple(notes))

    def _scaled(self, values: np.ndarray, known: NumericColumn) -> np.ndarray:
        if self.scaling == "standard":
            return ((values - known.mean) / known.std).clip(-FAR, FAR)
        normal = torch.special.ndtri(torch.tensor(known.levels, dtype=torch.float64)).numpy()
        # np.interp passes NaN on, and holds what is out of range at the ends.
        return np.interp(values, np.array(known.knots), normal)

    def build(self, width: int) -> nn.Module:
        """A :class:`NumericEncoder` of as many columns."""
        if self.fitted is None:
            raise self.unfitted()
        edges = [tuple(self._scaled(np.array(k.knots), k).tolist()) for k in self.fitted]
        return NumericEncoder(edges, width, embedding=self.embedding, frequencies=self.bins)


def _read(cells: pa.Array) -> tuple[np.ndarray, int]:
    values, lost = numbers(cells)
    return values.clip(-LARGEST, LARGEST), lost


def _example(cells: pa.Array) -> str:
    return repr(str(cells.drop_null()[0].as_py()))[:60]


def _fitted(values: np.ndarray, bins: int) -> NumericColumn:
    known = values[np.isfinite(values)]
    if not known.size:
        return NumericColumn(0.0, 1.0, 0.0, 0.0, (0.0, 1.0), (0.5, 0.5))
    std, largest = float(known.std()), float(np.abs(known).max())
    distinct = np.unique(known)
    if len(distinct) > bins + 1:
        # Half of the intervals hold as many rows each, half as many different numbers each: a
        # column that is nearly always zero keeps its tail.
        rows = np.quantile(known, np.linspace(0, 1, bins // 2 + 1))
        spread = np.quantile(distinct, np.linspace(0, 1, bins - bins // 2 + 1))
        distinct = np.unique(np.concatenate([rows, spread]))
    if len(distinct) == 1:
        distinct = np.array([distinct[0], distinct[0] + max(1.0, 1e-6 * largest)])
    return NumericColumn(
        mean=float(known.mean()),
        std=std if std > SMALLEST * largest else 1.0,
        low=float(known.min()),
        high=float(known.max()),
        knots=tuple(distinct.tolist()),
        levels=tuple(_levels(np.sort(known), distinct).tolist()),
    )


def _levels(ordered: np.ndarray, knots: np.ndarray) -> np.ndarray:
    below, up_to = (np.searchsorted(ordered, knots, side) for side in ("left", "right"))
    half = 0.5 / len(ordered)  # no row is at the very end of a normal distribution
    return ((below + up_to) / (2 * len(ordered))).clip(half, 1 - half)
