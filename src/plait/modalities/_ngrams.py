"""Neighboring tokens as numbers of buckets, for whole batches at once."""

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

BUCKETS = 1 << 18
_PRIME = 2_147_483_647


def ngrams(
    tokens: Int64[Tensor, "batch length"], mask: Bool[Tensor, "batch length"], longest: int
) -> Int64[Tensor, "batch grams"]:
    """The bucket of every run of 1 to ``longest`` tokens; 0 where there is none.

    The hash is made of a few integer operations and is the same everywhere. Two different runs
    share one of 262,143 buckets now and then, which costs next to nothing.

    Example:
        >>> found = ngrams(torch.tensor([[5, 6, 0]]), torch.tensor([[True, True, False]]), 2)
        >>> (found != 0).tolist()  # two tokens, and one pair
        [[True, True, False, True, False]]
    """
    parts = []
    state = torch.zeros_like(tokens)
    there = torch.ones_like(mask)
    for more in range(min(longest, tokens.shape[1])):
        length = tokens.shape[1] - more
        state = (state[:, :length] * 1_000_003 + (tokens[:, more:] + 1) * 7_919 + more) % _PRIME
        there = there[:, :length] & mask[:, more:]
        mixed = (state ^ (state >> 15)) * 2_654_435 % _PRIME
        parts.append((mixed % (BUCKETS - 1) + 1).where(there, 0))
    return torch.cat(parts, 1)


def document_counts(grams: Int64[Tensor, "batch grams"]) -> Int64[Tensor, " buckets"]:
    """In how many rows each bucket occurs."""
    ordered = grams.sort(1).values
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    counts = torch.bincount(ordered[first], minlength=BUCKETS)
    counts[0] = 0
    return counts
