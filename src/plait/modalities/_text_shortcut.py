"""The wide path of text: runs of words straight to the outputs."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from plait.data import Masked

from ._ngrams import BUCKETS, ngrams


class TextShortcut(nn.Module):
    r"""A linear model over weighed runs of tokens, added to what the deep network says.

    Each run that training has seen often enough has a weight for every output. The rarity of a
    run is its smoothed inverse document frequency, as in TF-IDF. With rarities :math:`r_i` of all
    known runs of a row, one for each time that a run occurs, the output is

    .. math:: \sum_i w_i \, s \, r_i / \sqrt{\textstyle\sum_j r_j^2}

    Use it beside a deep encoder: from a few thousand texts it learns what single words and pairs
    say better than any net trained from nothing, and the net is left with the rest.

    Args:
        buckets: The buckets of the known runs (see :func:`~plait.modalities._ngrams.ngrams`).
        rarity: The weight of each, by how few rows have it.
        outputs: How many outputs the model has.
        longest: How many tokens a run has at most.
        scale: The :math:`s` of the formula; a larger one learns faster.
        dropout: Share of the runs of a text that a training step does not see.

    Shapes:
        - in: ``values`` int64 ``[batch, length]``, ``mask`` bool ``[batch, length]``.
        - out: float ``[batch, outputs]``.

    Source:
        Cheng et al., *Wide & Deep Learning for Recommender Systems*, 2016 (arXiv 1606.07792); the
        hashing follows Weinberger et al., *Feature Hashing for Large Scale Multitask Learning*,
        2009 (arXiv 0902.2206), without signs.
    """

    place: Tensor
    rarity: Tensor

    def __init__(
        self,
        buckets: Sequence[int],
        rarity: Sequence[float],
        outputs: int,
        *,
        longest: int = 2,
        scale: float = 4.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.longest, self.scale = longest, scale
        self.drop = nn.Dropout(dropout)
        place = torch.zeros(BUCKETS, dtype=torch.int64)
        place[torch.tensor(buckets, dtype=torch.int64)] = torch.arange(1, len(buckets) + 1)
        self.register_buffer("place", place, persistent=False)
        self.register_buffer("rarity", torch.tensor([0.0, *rarity]), persistent=False)
        self.weights = nn.EmbeddingBag(len(buckets) + 1, outputs, mode="sum")
        nn.init.zeros_(self.weights.weight)

    def forward(self, cells: Masked) -> Float[Tensor, "batch outputs"]:
        """What the runs of each row add to its outputs."""
        known = self.place[ngrams(cells.values, cells.mask, self.longest)]
        weights = self.drop(self.rarity[known])
        length = weights.square().sum(1, keepdim=True).clamp(min=1e-6).sqrt()
        return functional.embedding_bag(
            known,
            self.weights.weight,
            mode="sum",
            per_sample_weights=(weights * (self.scale / length)).to(self.weights.weight.dtype),
        )


def rarities(rows: int, counts: Sequence[int]) -> list[float]:
    """The smoothed inverse document frequency of each run: ``log((1 + rows) / (1 + count)) + 1``.

    Example:
        >>> [round(weight, 3) for weight in rarities(3, [3, 1])]
        [1.0, 1.693]
    """
    return [math.log((1 + rows) / (1 + count)) + 1 for count in counts]
