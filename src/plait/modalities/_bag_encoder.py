"""The network part of bags."""

from typing import Literal

from torch import Tensor, nn

from plait.data import Masked

from ._bag_attention import BagAttention, even
from ._bag_runs import mean_token, on_items, there

Pool = Literal["attention", "mean", "tokens"]


class BagEncoder(nn.Module):
    """Run the encoder of one cell on every item, and pool what it gives.

    The order of the items has no say. Each item is one vector: the mean of its tokens.

    Args:
        each: From :class:`~plait.data.Masked` cells, one an item, to tokens.
        width: Size of a token.
        pool: ``"attention"`` weighs the items by a learned score, ``"mean"`` takes them alike;
            ``"tokens"`` leaves each item a token of its own.

    Shapes:
        - in: ``values`` ``[batch, items, ...]``, ``mask`` bool ``[batch, items, ...]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``; with
          ``"tokens"`` one token an item.

    Source:
        ``"mean"`` is Zaheer et al., *Deep Sets*, 2017 (arXiv 1703.06114), theorem 2, with a mean
        for the sum and the fusion for the outer function; ``"attention"`` is
        :class:`BagAttention`.
    """

    def __init__(self, each: nn.Module, width: int, pool: Pool) -> None:
        super().__init__()
        self.each = each
        self.width = width
        self.pool = pool
        self.attend = BagAttention(width) if pool == "attention" else None

    def forward(self, cells: Masked) -> Masked:
        """One token per row, or one per item."""
        mask = there(cells)
        items = on_items(self._vector, cells, self.width)
        if self.pool == "tokens":
            return Masked(items, mask)
        pooled = even(items, mask) if self.attend is None else self.attend(items, mask)
        return Masked(pooled.unsqueeze(1), mask.any(1, keepdim=True))

    def _vector(self, cells: Masked) -> Tensor:
        return mean_token(self.each(cells))


class BagShortcut(nn.Module):
    """The mean of the shortcut of one cell over all items.

    Args:
        each: From cells, one an item, to ``[cells, outputs]``.
        outputs: How many outputs there are.

    Shapes:
        - in: ``values`` ``[batch, items, ...]``, ``mask`` bool ``[batch, items, ...]``.
        - out: float ``[batch, outputs]``.
    """

    def __init__(self, each: nn.Module, outputs: int) -> None:
        super().__init__()
        self.each = each
        self.outputs = outputs

    def forward(self, cells: Masked) -> Tensor:
        """The outputs of each row."""
        return even(on_items(self.each, cells, self.outputs), there(cells))
