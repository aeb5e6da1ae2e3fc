"""Attention pooling of a set."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class BagAttention(nn.Module):
    r"""A weighted mean of the items of a set, whose weights are learned.

    :math:`a_k = \mathrm{softmax}_k\, w^\top (\tanh(V h_k) \odot \sigma(U h_k))` and
    :math:`z = \sum_k a_k h_k`. The order of the items has no say; a set of one is that one.

    Args:
        width: Size of a vector.
        size: Size of the hidden layer.

    Shapes:
        - in: float ``[batch, items, width]``, and bool ``[batch, items]``.
        - out: float ``[batch, width]``; zeros where nothing is there.

    Source:
        Ilse, Tomczak and Welling, *Attention-based Deep Multiple Instance Learning*, 2018 (arXiv
        1802.04712), equations 8 and 9; here U and V have biases.
    """

    def __init__(self, width: int, size: int = 64) -> None:
        super().__init__()
        self.content = nn.Linear(width, size)
        self.gate = nn.Linear(width, size)
        # A bias would add the same to every item, and a softmax does not see it.
        self.score = nn.Linear(size, 1, bias=False)

    def forward(
        self, items: Float[Tensor, "batch items width"], mask: Bool[Tensor, "batch items"]
    ) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        hidden = ~mask.unsqueeze(2)
        known = items.masked_fill(hidden, 0.0)
        scores = self.score(self.content(known).tanh() * self.gate(known).sigmoid())
        exact = scores.to(torch.promote_types(scores.dtype, torch.float32))
        weights = exact.masked_fill(hidden, -1e9).softmax(1).masked_fill(hidden, 0.0)
        return (weights.to(known.dtype) * known).sum(1)


def even(
    items: Float[Tensor, "batch items width"], mask: Bool[Tensor, "batch items"]
) -> Float[Tensor, "batch width"]:
    """The plain mean of the items that are there."""
    total = items.where(mask.unsqueeze(2), 0.0).sum(1)
    return total / mask.sum(1, keepdim=True).clamp(min=1)
