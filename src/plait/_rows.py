"""Rows of which something is there, apart from the others and back among them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from plait.data import Masked


class Known(NamedTuple):
    """The cells of an input that are there.

    Args:
        part: Those of the rows of which something is there.
        rows: The numbers of these rows; None for all of them.
        count: How many rows there are in all.
    """

    part: Masked
    rows: Tensor | None
    count: int


def known(inputs: Sequence[Masked]) -> list[Known]:
    """What is there of each input.

    One question for all inputs: a device must not be made to wait for each.
    """
    there = [cells.present for cells in inputs]
    counts = torch.stack([present.sum() for present in there]).tolist() if inputs else []
    return [_present(*each) for each in zip(inputs, there, counts, strict=True)]


def spread(values: Tensor, rows: Tensor, count: int) -> Tensor:
    """Values of some rows among ``count``, with zeros in all others."""
    return values.new_zeros(count, *values.shape[1:]).index_copy(0, rows, values)


def _present(cells: Masked, present: Tensor, count: int) -> Known:
    if count == len(cells):
        return Known(cells, None, len(cells))
    # As `nonzero` would, but without asking how many there are.
    rows = present.to(torch.uint8).argsort(descending=True, stable=True)[:count]
    return Known(cells.take(rows), rows, len(cells))
