"""The last blocks of a pretrained net."""

from collections.abc import Iterable

from torch import nn

from plait.data import Masked

from ._pretrained import Pretrained


class Blocks(Pretrained):
    """Blocks of a transformer, cut off the end of a net of the transformers library.

    Args:
        blocks: In their order.
        pace: The share of the learning rate that they take.

    Shapes:
        - in and out: ``values`` float ``[batch, length, size]``, ``mask`` bool
          ``[batch, length]``.
    """

    def __init__(self, blocks: Iterable[nn.Module], pace: float) -> None:
        super().__init__(pace)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, cells: Masked) -> Masked:
        """A vector for each token."""
        # What was kept is zero where the mask is false, what comes from a net is not: padding
        # must not have a say, NaN least of all.
        states = cells.values.masked_fill(~cells.mask.unsqueeze(2), 0.0)
        seen = (cells.mask | ~cells.mask.any(1, keepdim=True))[:, None, None]
        seen = seen.expand(-1, 1, states.shape[1], -1)
        for block in self.blocks:
            states = block(states, seen)
        return Masked(states, cells.mask)
