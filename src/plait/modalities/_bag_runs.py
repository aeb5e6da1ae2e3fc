"""An encoder of one cell, run on each item of a bag."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plait.data import Masked


def there(cells: Masked) -> Bool[Tensor, "batch items"]:
    """Which items are there."""
    return cells.mask.flatten(2).any(2) if cells.mask.ndim > 2 else cells.mask


def on_items(
    read: Callable[[Masked], Tensor], cells: Masked, size: int
) -> Float[Tensor, "batch items size"]:
    """A vector of each item, with zeros for those that are not there.

    Only items that are there are read. A program that is compiled or exported cannot depend on
    how many these are: there, all slots are read, and those of nothing are left out.

    Args:
        read: From cells, one an item, to a vector ``[cells, size]`` of each.
        cells: A batch of bags, ``[batch, items, ...]``.
        size: Size of a vector.
    """
    batch, items = cells.mask.shape[:2]
    flat = cells.each(lambda held: held.flatten(0, 1))
    present = flat.present
    if torch.compiler.is_compiling():
        found = read(flat).where(present.unsqueeze(1), 0.0)
        return found.view(batch, items, size)
    count = int(present.sum())
    if not count:
        return torch.zeros(batch, items, size, device=present.device)
    if count == len(flat):
        return read(flat).view(batch, items, size)
    # As `nonzero` would, but without asking a second time how many there are.
    rows = present.to(torch.uint8).argsort(descending=True, stable=True)[:count]
    found = read(flat.take(rows))
    slots = found.new_zeros(batch * items, size).index_copy(0, rows, found)
    return slots.view(batch, items, size)


def mean_token(tokens: Masked) -> Float[Tensor, "batch width"]:
    """The mean of the tokens that are there."""
    mask = tokens.mask.unsqueeze(2)
    return tokens.values.where(mask, 0.0).sum(1) / mask.sum(1).clamp(min=1)
