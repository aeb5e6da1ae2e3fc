"""Categories: all columns of the group by one look-up."""

import math
from dataclasses import replace
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from plait.data import Masked, Note, Packed, Table
from plait.data._cells import texts

from ._base import STRICT, Draw, Modality

MISSING, UNSEEN, KNOWN = 0, 1, 2
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, config=STRICT)
class Categorical(Modality):
    """Columns of categories: names, codes, yes and no.

    Use it for cells that can only be the same or different. For free text take
    :class:`~plait.modalities.Text`, for numbers whose order matters
    :class:`~plait.modalities.Numeric`, for several categories in one cell
    :class:`~plait.modalities.Tags`.

    A category that training has not seen, or seen fewer than ``least`` times, is *unseen*; it is
    counted, and has a learned vector of its own. So has an empty cell.

    Args:
        least: How often a category has to occur to be known.
        most: How many categories a column may have; the rarest beyond are unseen.
        forget: Share of the cells that a training step sees as unseen.
        categories: The known ones of each column, found by :meth:`fit`.

    Example:
        >>> table = Table.of({"color": ["red", None, "blue", "red"]})
        >>> color = Categorical(columns=("color",), least=1).fit(table)
        >>> color.categories
        (('red', 'blue'),)
        >>> packed = color.pack(Table.of({"color": ["blue", "green", None]}))
        >>> packed.cells.values.tolist(), packed.cells.mask.tolist()
        ([[3], [1], [0]], [[True], [True], [False]])
        >>> print(*packed.notes, sep="; ")
        color: 1 missing; color: 1 unseen (green)
    """

    least: PositiveInt = 2
    most: PositiveInt = 10_000
    forget: Share = 0.05
    categories: tuple[tuple[str, ...], ...] | None = None

    def fit(self, table: Table) -> "Categorical":
        """A copy that knows the categories, the most frequent first."""
        found = tuple(_frequent(texts(table[c]), self.least, self.most) for c in self.columns)
        return replace(self, categories=found)

    def pack(self, table: Table) -> Packed:
        """Numbers of categories: int64 ``[rows, columns]``, mask ``[rows, columns]``."""
        if self.categories is None:
            raise self.unfitted()
        codes, notes = [], []
        for column, known in zip(self.columns, self.categories, strict=True):
            cells = texts(table[column])
            place = pc.index_in(cells, value_set=pa.array(known, pa.large_string()))
            place = pc.fill_null(place, UNSEEN - KNOWN).to_numpy(zero_copy_only=False) + KNOWN
            there = cells.is_valid().to_numpy(zero_copy_only=False)
            codes.append(np.where(there, place, MISSING).astype(np.int64))
            unseen = cells.filter(pa.array(there & (place == UNSEEN)))
            notes += [Note(column, "missing", int((~there).sum()))] if not there.all() else []
            if len(unseen):
                few = tuple(unseen.unique().slice(0, 3).to_pylist())
                notes.append(Note(column, "unseen", len(unseen), few))
        values = torch.from_numpy(np.stack(codes, 1))
        return Packed(Masked(values, values != MISSING), tuple(notes))

    def augment(self, cells: Masked, draw: Draw) -> Masked:
        """Some known categories seen as unseen, so that a stranger's answer is learned too."""
        if not self.forget:
            return cells
        hidden = (draw(cells.values.shape[1]) < self.forget) & cells.mask
        return Masked(cells.values.masked_fill(hidden, UNSEEN), cells.mask)

    def build(self, width: int) -> nn.Module:
        """A :class:`CategoricalEncoder` of as many columns."""
        if self.categories is None:
            raise self.unfitted()
        return CategoricalEncoder([len(known) for known in self.categories], width)

    def shortcut(self, outputs: int) -> nn.Module | None:
        """A :class:`CategoricalShortcut` over the same categories."""
        if self.categories is None:
            raise self.unfitted()
        return CategoricalShortcut([len(known) for known in self.categories], outputs)


class CategoricalShortcut(nn.Module):
    """A weight for every category and output: a linear model beside the deep one.

    Args:
        sizes: How many known categories each column has.
        outputs: How many outputs the model has.

    Shapes:
        - in: ``values`` int64 ``[batch, columns]``, ``mask`` bool ``[batch, columns]``.
        - out: float ``[batch, outputs]``.
    """

    offsets: Tensor

    def __init__(self, sizes: list[int], outputs: int) -> None:
        super().__init__()
        starts = np.cumsum([0, *[known + KNOWN for known in sizes]])
        self.register_buffer("offsets", torch.tensor(starts[:-1]), persistent=False)
        self.weights = nn.EmbeddingBag(int(starts[-1]), outputs, mode="sum")
        nn.init.zeros_(self.weights.weight)

    def forward(self, cells: Masked) -> Float[Tensor, "batch outputs"]:
        """What the categories of each row add to its outputs."""
        return self.weights(cells.values.where(cells.mask, MISSING) + self.offsets)


class CategoricalEncoder(nn.Module):
    """Look all columns up in one table, and turn what is found into one token.

    The vectors of a row's columns stand side by side and pass one linear layer. An empty cell
    has a vector of its own, so that emptiness can mean something.

    Args:
        sizes: How many known categories each column has.
        width: Size of the token.
        dropout: Share of the vectors' entries that are dropped in training.

    Shapes:
        - in: ``values`` int64 ``[batch, columns]`` (0 missing, 1 unseen, then the known ones);
          ``mask`` bool ``[batch, columns]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.

    Source:
        Guo and Berkhahn, *Entity Embeddings of Categorical Variables*, 2016 (arXiv 1604.06737);
        here with one table for all columns, and the sizes of :func:`embedding_size`.
    """

    offsets: Tensor

    def __init__(self, sizes: list[int], width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        size = embedding_size(max(sizes))
        starts = np.cumsum([0, *[known + KNOWN for known in sizes]])
        self.register_buffer("offsets", torch.tensor(starts[:-1]), persistent=False)
        self.table = nn.Embedding(int(starts[-1]), size)
        # Vectors drawn from N(0, 1) drown the numbers beside them for many epochs.
        nn.init.normal_(self.table.weight, std=0.05)
        self.drop = nn.Dropout(dropout)
        self.project = nn.Linear(size * len(sizes), width)

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        codes = cells.values.where(cells.mask, MISSING)
        vectors = self.table(codes + self.offsets)
        token = self.project(self.drop(vectors.flatten(1))).unsqueeze(1)
        return Masked(token, cells.present.unsqueeze(1))


def embedding_size(categories: int) -> int:
    """How long a category's vector is: 16 for up to a hundred, then growing, at most 32.

    Example:
        >>> [embedding_size(n) for n in (2, 100, 1_000, 10_000)]
        [16, 16, 24, 32]
    """
    return min(32, max(16, 8 * math.ceil(0.4 * categories**0.25)))


def _frequent(cells: pa.Array, least: int, most: int) -> tuple[str, ...]:
    counts = pa.table({"category": cells}).drop_null().group_by("category").aggregate(
        [("category", "count")]
    )  # fmt: skip
    counts = counts.filter(pc.greater_equal(counts["category_count"], least))
    order = counts.sort_by([("category_count", "descending"), ("category", "ascending")])
    return tuple(order["category"].slice(0, most).to_pylist())
