"""Words from nothing over the tokens of a pretrained tokenizer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from plait.data import Masked

from ._text_encoder import TextEncoder

MANY = 100_000
"""From how many texts on a transformer block reads them in their order."""
UNKNOWN = 0


class TextReader(nn.Module):
    """A :class:`TextEncoder` of the tokens that enough training texts have.

    Use it beside a frozen encoder, whose one vector says what a text is about and no longer which
    words it was made of. All other tokens are one, the unknown; in training, some of those that
    are known are seen as it, so that no single word is relied on.

    Args:
        tokens: The numbers of the known tokens in the pretrained tokenizer.
        width: Size of a token of the model.
        length: How many tokens a text has at most.
        ordered: Whether a transformer block reads the whole text in its order.
        forget: Share of the tokens that a training step sees as unknown.

    Shapes:
        - in: ``values`` int64 ``[batch, length]``, ``mask`` bool ``[batch, length]``.
        - out: ``values`` float ``[batch, 2, width]``, ``mask`` bool ``[batch, 2]``.
    """

    known: Tensor

    def __init__(
        self,
        tokens: Sequence[int],
        width: int,
        length: int,
        *,
        ordered: bool = False,
        forget: float = 0.1,
    ) -> None:
        super().__init__()
        self.register_buffer("known", torch.tensor(sorted(tokens)), persistent=False)
        self.forget = nn.Dropout(forget)
        self.read = TextEncoder(len(tokens) + 1, width, length, ordered=ordered)

    def forward(self, cells: Masked) -> Masked:
        """Two tokens per row."""
        place = torch.searchsorted(self.known, cells.values).clamp(max=len(self.known) - 1)
        there = cells.mask & (self.known[place] == cells.values)
        if self.training:
            there = there & (self.forget(torch.ones_like(there, dtype=torch.float32)) > 0)
        return self.read(Masked((place + 1).where(there, UNKNOWN), cells.mask))
