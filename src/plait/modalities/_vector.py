"""Ready-made vectors."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from plait._errors import DataError
from plait.data import Masked, Note, Packed, Table
from plait.data._cells import is_list, is_string, texts, vectors

from ._base import FAR, STRICT, Modality


@dataclass(frozen=True, config=STRICT)
class Vector(Modality):
    """A column whose cells are vectors of one length: features or embeddings made elsewhere.

    Use it for what another model has already computed. For a few plain numbers with names of
    their own, columns under :class:`~plait.modalities.Numeric` are better served.

    Args:
        mean: The mean of each entry, found by :meth:`fit`.
        std: The standard deviation of each entry, found by :meth:`fit`.

    Example:
        >>> table = Table.of({"clip": [[1.0, 5.0], None, [3.0, 5.0]]})
        >>> clip = Vector(columns=("clip",)).fit(table)
        >>> clip.pack(table).cells.values.tolist()
        [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def fit(self, table: Table) -> "Vector":
        """A copy that knows the mean and the spread of each entry."""
        cells = self._lists(table)
        matrix, there, _ = vectors(cells)
        if not there.any() or not matrix.shape[1]:
            raise DataError(
                f"The input {self.column!r} should hold vectors. Found none that is whole and "
                "finite. Leave the column out, or fill it."
            )
        length = matrix.shape[1]
        odd = _of_another_length(cells, length)
        if 2 * len(odd) > len(cells) - cells.null_count:
            raise DataError(
                f"The vectors of {self.column!r} should be of one length. The most frequent, "
                f"{length}, is that of fewer than half. {_few(cells, odd, table)}. Leave the "
                "column out, or make them alike."
            )
        known = matrix[there].astype(np.float64)
        std = known.std(0)
        std[std <= 1e-12 * np.abs(known).max(0)] = 1.0  # an entry that does not change
        return replace(self, mean=tuple(known.mean(0)), std=tuple(std))

    def pack(self, table: Table) -> Packed:
        """Standardized vectors: float32 ``[rows, length]``, mask ``[rows]``."""
        if not self.mean:
            raise self.unfitted()
        column = self.column
        cells = self._lists(table)
        odd = _of_another_length(cells, len(self.mean))
        if len(odd) and len(odd) == len(cells) - cells.null_count:
            raise DataError(
                f"The vectors of {column!r} should be {len(self.mean)} long, as in training. "
                f"{_few(cells, odd, table)}. Make them with the same model as those of training."
            )
        fits = np.ones(len(cells), bool)
        fits[odd] = False
        # Of another length than in training: whatever else is in the table has no say in it.
        matrix, there, wrong = vectors(
            pc.if_else(pa.array(fits), cells, pa.scalar(None, cells.type))
        )
        if not there.any():
            matrix = np.zeros((len(table), len(self.mean)), np.float32)
        scaled = ((matrix - np.array(self.mean)) / np.array(self.std)).clip(-FAR, FAR)
        scaled[~there] = 0
        wrong = sorted([*wrong, *odd.tolist()])
        notes = []
        if cells.null_count:
            notes.append(Note(column, "missing", cells.null_count))
        if wrong:
            rows = tuple(f"row {row}" for row in table.numbers(wrong[:3]))
            notes.append(Note(column, "not finite or of another length", len(wrong), rows))
        values = torch.from_numpy(scaled.astype(np.float32))
        return Packed(Masked(values, torch.from_numpy(there)), tuple(notes))

    def build(self, width: int) -> nn.Module:
        """A :class:`VectorEncoder` of this length."""
        if not self.mean:
            raise self.unfitted()
        return VectorEncoder(len(self.mean), width)

    def _lists(self, table: Table) -> pa.Array:
        cells = table[self.column]
        # An empty column comes without a type of its own, or as empty text.
        hollow = texts(cells) if is_string(cells.type) else cells
        if hollow.null_count == len(cells):
            return pa.nulls(len(cells), pa.large_list(pa.float32()))
        if not is_list(cells.type):
            raise DataError(
                f"The cells of the vector input {self.column!r} should be lists of numbers. "
                f"Found {cells.type}. Leave the column out, or choose another kind of input."
            )
        return cells


def _of_another_length(cells: pa.Array, length: int) -> np.ndarray:
    """The rows whose list is not of this length."""
    fits = pc.fill_null(pc.equal(pc.list_value_length(cells), length), True)
    return np.flatnonzero(pc.invert(fits))


def _few(cells: pa.Array, odd: np.ndarray, table: Table) -> str:
    """The lengths of some lists, with their rows."""
    lengths = pc.list_value_length(cells).take(pa.array(odd[:5])).to_pylist()
    few = [f"{n} in row {row}" for n, row in zip(lengths, table.numbers(odd[:5]), strict=True)]
    return f"Found {', '.join(few)}{', ...' * (len(odd) > 5)}"


class VectorEncoder(nn.Module):
    """Project a vector to one token, straight and through one hidden layer.

    Args:
        length: Length of the vectors.
        width: Size of the token.

    Shapes:
        - in: ``values`` float ``[batch, length]``, ``mask`` bool ``[batch]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.
    """

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.straight = nn.Linear(length, width)
        self.bent = nn.Sequential(nn.Linear(length, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        known: Float[Tensor, "batch length"] = cells.values.where(cells.mask.unsqueeze(1), 0.0)
        token = self.straight(known) + self.bent(known)
        return Masked(token.unsqueeze(1), cells.mask.unsqueeze(1))
