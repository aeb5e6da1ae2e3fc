"""Several categories in one cell."""

from dataclasses import replace
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from plait.data import Masked, Note, Packed, Ragged, Table
from plait.data._cells import lists

from ._base import STRICT, Modality
from ._categorical import _frequent, embedding_size


@dataclass(frozen=True, config=STRICT)
class Tags(Modality):
    """A set of categories in each cell: a list, or text to be split.

    Use it for tags, genres, ingredients: several of many, in no order. One that stands in a cell
    twice is there once. Tags that training has not seen are left out and counted.

    Args:
        separator: What stands between the tags where a cell is text.
        least: In how many cells a tag has to occur to be known.
        most: How many tags may be known; the rarest beyond are left out.
        tags: The known ones, found by :meth:`fit`.

    Example:
        >>> table = Table.of({"genre": ["drama, war", "drama", None]})
        >>> genre = Tags(columns=("genre",), least=1).fit(table)
        >>> genre.tags
        ('drama', 'war')
        >>> genre.pack(table).cells.values.tolist()
        [0, 1, 0]
    """

    separator: Annotated[str, Field(min_length=1)] = ","
    least: PositiveInt = 2
    most: PositiveInt = 10_000
    tags: tuple[str, ...] | None = None

    def fit(self, table: Table) -> "Tags":
        """A copy that knows the tags, the most frequent first."""
        entries, offsets, _ = lists(table[self.column], self.separator)
        pairs = pa.table({"row": _rows(offsets), "tag": entries})
        once = pairs.group_by(["row", "tag"]).aggregate([])["tag"].combine_chunks()
        return replace(self, tags=_frequent(once, self.least, self.most))

    def pack(self, table: Table) -> Packed:
        """Numbers of tags: int64, ragged over ``[rows]``; a cell without tags is there, empty."""
        if self.tags is None:
            raise self.unfitted()
        column = self.column
        entries, offsets, there = lists(table[column], self.separator)
        place = pc.index_in(entries, value_set=pa.array(self.tags, pa.large_string()))
        known = place.is_valid().to_numpy(zero_copy_only=False)
        # One number for a row and a tag, so that each pair is kept once.
        size = max(len(self.tags), 1)
        tags = place.drop_null().to_numpy(zero_copy_only=False).astype(np.int64)
        pairs = np.unique(_rows(offsets)[known] * size + tags)
        lengths = np.bincount(pairs // size, minlength=len(table))
        unseen = entries.filter(pc.and_(place.is_null(), entries.is_valid()))
        notes = []
        if not there.all():
            notes.append(Note(column, "missing", int((~there).sum())))
        if len(unseen):
            few = tuple(unseen.unique().slice(0, 3).to_pylist())
            notes.append(Note(column, "unseen tags", len(unseen), few))
        bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        values = torch.from_numpy(pairs % size)
        cells = Ragged(values, torch.from_numpy(bounds), torch.from_numpy(there))
        return Packed(cells, tuple(notes))

    def build(self, width: int) -> nn.Module:
        """A :class:`TagsEncoder` of as many tags."""
        if self.tags is None:
            raise self.unfitted()
        return TagsEncoder(len(self.tags), width)


def _rows(offsets: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


class TagsEncoder(nn.Module):
    """Add up the vectors of a row's tags, over the root of their number, to one token.

    Args:
        tags: How many tags are known.
        width: Size of the token.

    Shapes:
        - in: ``values`` int64 ``[batch, longest]``, ``mask`` bool ``[batch, longest]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.
    """

    def __init__(self, tags: int, width: int) -> None:
        super().__init__()
        size = 2 * embedding_size(tags)
        self.table = nn.Embedding(max(tags, 1), size)
        nn.init.normal_(self.table.weight, std=0.05)
        self.project = nn.Linear(size, width)

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        there = cells.mask.unsqueeze(2)
        vectors = self.table(cells.values.where(cells.mask, 0)).where(there, 0.0)
        count = there.sum(1).clamp(min=1)
        token = self.project(vectors.sum(1) / count.sqrt())
        return Masked(token.unsqueeze(1), cells.present.unsqueeze(1))
