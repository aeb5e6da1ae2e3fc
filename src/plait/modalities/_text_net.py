"""A pretrained net over the tokens of a text."""

from torch import nn

from plait.data import Masked

from ._pretrained import Pretrained


class TextNet(Pretrained):
    """Numbers of tokens to hidden states, by a net of the transformers library.

    Args:
        net: Takes ``input_ids`` and ``attention_mask``, gives ``last_hidden_state``.
        padding: The token that stands where the mask is false.
        pace: The share of the learning rate that its trained weights take.
        decay: The share of that which a block takes of the one above it.

    Shapes:
        - in: ``values`` int64 ``[batch, length]``, ``mask`` bool ``[batch, length]``.
        - out: ``values`` float ``[batch, length, size]``, ``mask`` bool ``[batch, length]``.
    """

    def __init__(self, net: nn.Module, padding: int, pace: float, decay: float = 1.0) -> None:
        super().__init__(pace, decay)
        self.net = net
        self.padding = padding

    def forward(self, cells: Masked) -> Masked:
        """A vector for each token."""
        # Some families count the places of tokens by what is padding: it has to look like it.
        tokens = cells.values.where(cells.mask, self.padding)
        # A softmax over nothing is NaN: a text without tokens attends to its padding.
        seen = cells.mask | ~cells.mask.any(1, keepdim=True)
        given = self.net(input_ids=tokens, attention_mask=seen.long(), return_dict=True)
        return Masked(given.last_hidden_state, cells.mask)
