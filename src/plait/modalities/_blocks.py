"""The last blocks of a pretrained net."""

from collections.abc import Iterable

from torch import nn

from plait.data import Masked

from ._pretrained import Pretrained


class Blocks(Pretrained):
    """Blocks of a transformer, cut off the end of a net of the transformers library.

    Args:
        blocks: In their order.
        pace: The share of the learning rate that the highest takes.
        decay: The share of that which a block takes of the one above it.
        norm: What the net has behind them, if anything.

    Shapes:
        - in and out: ``values`` float ``[batch, length, size]``, ``mask`` bool
          ``[batch, length]``.
    """

    def __init__(
        self,
        blocks: Iterable[nn.Module],
        pace: float,
        decay: float = 1.0,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__(pace, decay)
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm or nn.Identity()

    def forward(self, cells: Masked) -> Masked:
        """A vector for each token."""
        # What was kept is zero where the mask is false, what comes from a net is not: padding
        # must not have a say, NaN least of all.
        states = cells.values.masked_fill(~cells.mask.unsqueeze(2), 0.0)
        seen = (cells.mask | ~cells.mask.any(1, keepdim=True))[:, None, None]
        seen = seen.expand(-1, 1, states.shape[1], -1)
        for block in self.blocks:
            states = block(states, seen)
        return Masked(self.norm(states), cells.mask)
