"""The runs of tokens that the texts of a column have in common."""

import torch
from torch import Tensor

from plait.data import Ragged

from ._ngrams import BUCKETS, document_counts, ngrams

SOME = 2_000
"""How many texts are looked at at a time."""


def frequent(cells: Ragged, longest: int, least: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The buckets of runs that enough texts have, and how many have each.

    Args:
        cells: The tokens of the training texts.
        longest: How many tokens a run has at most; 0 finds none.
        least: In how many texts a run has to occur.

    Example:
        >>> tokens, bounds = torch.tensor([5, 6, 5, 7]), torch.tensor([0, 2, 4])
        >>> buckets, counts = frequent(Ragged(tokens, bounds, torch.ones(2).bool()), 2, 2)
        >>> len(buckets), counts  # only the token 5 is in both
        (1, (2,))
    """
    if not longest:
        return (), ()
    counts: Tensor = torch.zeros(BUCKETS, dtype=torch.int64)
    for rows in torch.arange(len(cells)).split(SOME):
        batch = cells.take(rows)
        counts += document_counts(ngrams(batch.values, batch.mask, longest))
    often = (counts >= least).nonzero()[:, 0]
    return tuple(often.tolist()), tuple(counts[often].tolist())


def common(cells: Ragged, least: int) -> tuple[int, ...]:
    """The tokens that enough texts have, in their order.

    Args:
        cells: The tokens of the training texts.
        least: In how many texts a token has to occur.

    Example:
        >>> tokens, bounds = torch.tensor([5, 6, 5, 7, 7]), torch.tensor([0, 2, 5])
        >>> common(Ragged(tokens, bounds, torch.ones(2).bool()), 2)
        (5,)
    """
    if not len(cells.values):
        return ()
    most = int(cells.values.max()) + 1
    counts: Tensor = torch.zeros(most, dtype=torch.int64)
    for start in range(0, len(cells), SOME):
        some = cells.slice(start, min(start + SOME, len(cells)))
        row = torch.arange(len(some)).repeat_interleave(some.lengths)
        once = (row * most + some.values).unique()
        counts += torch.bincount(once % most, minlength=most)
    return tuple((counts >= least).nonzero()[:, 0].tolist())
