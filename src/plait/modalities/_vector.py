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
        matrix, there, _ = vectors(self._lists(table))
        if not there.any() or not matrix.shape[1]:
            raise DataError(
                f"The input {self.column!r} should hold vectors. Found none that is whole and "
                "finite. Leave the column out, or fill it."
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
        lengths = pc.list_value_length(cells)
        fits = pc.fill_null(pc.equal(lengths, len(self.mean)), False)
        odd = np.flatnonzero(pc.and_(cells.is_valid(), pc.invert(fits)))
        if len(odd) and not pc.any(fits).as_py():
            raise DataError(
                f"The vectors of {column!r} should be {len(self.mean)} long, as in training. "
                f"Found {lengths[int(odd[0])]}."
            )
        # Of another length than in training: whatever else is in the table has no say in it.
        matrix, there, wrong = vectors(pc.if_else(fits, cells, pa.scalar(None, cells.type)))
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
                f"Found {cells.type}."
            )
        return cells


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
