"""A contrastive loss over the inputs of a model."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from plait._errors import ConfigError
from plait.data import Masked

from ._base import Contrast


class Matching(nn.Module):
    """The mean loss over all pairs of sides, each of which is an input or some inputs together.

    The tokens of an input are averaged, the inputs of a side likewise, and what comes out is
    projected. The projections belong to the loss and are thrown away with it.

    A row of which only one of two sides is there takes no part in that pair, and a pair of which
    the batch holds fewer than two rows is absent. Two rows with the same cells on either side of
    a pair (the same title, the same category) are not held against each other: nobody could tell
    them apart.

    Args:
        sides: The inputs of each side.
        width: Size of a token.
        loss: What is asked of a pair; it becomes a part of this module.
        size: Size of the vectors that are compared.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float, a scalar.

    Raises:
        ConfigError: If there are fewer than two sides, or an input is on none or two of them.

    Source:
        The linear projections and the mean over pairs are those of Radford et al., 2021
        (arXiv 2103.00020), for any number of sides; there are two of them in the paper.

    Example:
        >>> from plait.pretraining import InfoNCE
        >>> tokens = {n: Masked(torch.randn(4, 1, 8), torch.ones(4, 1).bool()) for n in "ab"}
        >>> loss = Matching([["a"], ["b"]], 8, InfoNCE())(tokens)
        >>> loss.backward()
    """

    def __init__(
        self, sides: Sequence[Sequence[str]], width: int, loss: Contrast, *, size: int = 128
    ) -> None:
        super().__init__()
        self.sides = tuple(tuple(side) for side in sides)
        named = [name for side in self.sides for name in side]
        if len(self.sides) < 2 or not all(self.sides) or len(set(named)) < len(named):
            raise ConfigError(
                "Pre-training should have at least two sides to hold against each other, each of "
                f"inputs of its own. Found {[list(side) for side in self.sides]}. Name them, as in "
                "sides=[['photo'], ['title', 'brand']], or leave pre-training out."
            )
        self.loss = loss
        self.projections = nn.ModuleList(nn.Linear(width, size, bias=False) for _ in self.sides)

    def forward(
        self,
        tokens: Mapping[str, Masked],
        alike: Mapping[str, Int64[Tensor, " batch"]] | None = None,
    ) -> Float[Tensor, ""]:
        """The mean over the pairs of which two rows are there; 0 where there is no such pair.

        Args:
            tokens: Of each input.
            alike: For each input a number that rows with the same cells share (see
                :func:`~plait.pretraining.fingerprints`); left out, all cells differ.
        """
        found = [_pooled([tokens[name] for name in side]) for side in self.sides]
        vectors = [
            project(mean) for project, (mean, _) in zip(self.projections, found, strict=True)
        ]
        keys = [_side_key([alike[name] for name in side]) if alike else None for side in self.sides]
        losses, counts = [], []
        for one, other in combinations(range(len(self.sides)), 2):
            there = found[one][1] & found[other][1]
            against = _against(there, [keys[one], keys[other]])
            losses.append(self.loss(vectors[one], vectors[other], against))
            counts.append(there.sum() > 1)
        enough = torch.stack(counts)
        return torch.stack(losses).where(enough, 0.0).sum() / enough.sum().clamp(min=1)


def _pooled(
    parts: Sequence[Masked],
) -> tuple[Float[Tensor, "batch width"], Bool[Tensor, " batch"]]:
    """The mean over the inputs that are there of the mean of each one's tokens."""
    means, there = [], []
    for part in parts:
        mask = part.mask.unsqueeze(2)
        means.append(part.values.where(mask, 0.0).sum(1) / mask.sum(1).clamp(min=1))
        there.append(part.present)
    count = torch.stack(there).sum(0)
    return torch.stack(means).sum(0) / count.clamp(min=1).unsqueeze(1), count > 0


def _side_key(keys: Sequence[Tensor]) -> Tensor:
    total = torch.zeros_like(keys[0])
    for key in keys:
        total = total * 1_000_003 + key
    return total


def _against(
    there: Bool[Tensor, " batch"], keys: Sequence[Tensor | None]
) -> Bool[Tensor, "batch batch"]:
    own = torch.eye(len(there), dtype=torch.bool, device=there.device)
    against = there.unsqueeze(1) & there
    for key in keys:
        if key is not None:
            against = against & ((key.unsqueeze(1) != key) | own)
    return against
