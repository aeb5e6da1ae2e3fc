"""Which rows each step sees."""

from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

MEGA = 200
"""How many batches' rows are sorted by length together."""
BLUR = 0.05
"""By which share a length may seem longer, so that rows meet others in the next epoch."""


def steps(
    rows: int,
    batch_size: int,
    seed: int,
    epoch: int,
    *,
    part: int = 0,
    lengths: Int64[Tensor, " rows"] | None = None,
    rank: int = 0,
    world: int = 1,
) -> list[Int64[Tensor, " batch"]]:
    """The rows of each step of an epoch: a function of its arguments and of nothing else.

    All steps have about the same number of rows, so that no last step is a handful.

    Args:
        rows: How many there are.
        batch_size: How many a step has at most, over all processes.
        seed: Of the run.
        epoch: Counted from 0.
        part: Counted from 0, where the rows of an epoch come in several parts.
        lengths: How long each row is; left out, that does not matter. The rows of 200 batches
            at a time, drawn at random, are then sorted into batches of about one length, and the
            order of all batches is drawn anew: a batch needs little padding, and no row is tied
            to its neighbors for longer than an epoch.
        rank: Which of the processes asks.
        world: How many processes share each step.

    Example:
        >>> [len(step) for step in steps(10, 4, seed=0, epoch=0)]
        [4, 3, 3]
        >>> sorted(torch.cat(steps(10, 4, seed=0, epoch=0)).tolist()) == list(range(10))
        True
    """
    generator = generator_of(seed, epoch, part)
    count = max(1, -(-rows // batch_size))
    batches = list(torch.randperm(rows, generator=generator).tensor_split(count))
    if lengths is not None:
        batches = _bucketed(batches, lengths, generator)
    return [batch[rank::world] for batch in batches] if world > 1 else batches


def _bucketed(
    batches: Sequence[Tensor], lengths: Tensor, generator: torch.Generator
) -> list[Tensor]:
    sorted_batches: list[Tensor] = []
    for start in range(0, len(batches), MEGA):
        group = batches[start : start + MEGA]
        rows = torch.cat(list(group))
        blur = 1 + BLUR * torch.rand(len(rows), generator=generator)
        rows = rows[(lengths[rows] * blur).argsort(stable=True)]
        sorted_batches += rows.split([len(batch) for batch in group])
    return [sorted_batches[at] for at in torch.randperm(len(batches), generator=generator)]


def generator_of(*numbers: int) -> torch.Generator:
    """Random numbers that depend on some numbers, all of their bits."""
    state = 0
    for number in numbers:
        state = (state * 1_000_003 + number) % (1 << 64)
        # SplitMix64's finalizer: a generator may start from the low half alone.
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % (1 << 64)
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % (1 << 64)
        state ^= state >> 31
    return torch.Generator().manual_seed(state)


def useful(lengths: Int64[Tensor, " rows"], batches: Sequence[Int64[Tensor, " _"]]) -> float:
    """The share of a padded batch that is no padding, over some batches.

    Example:
        >>> useful(torch.tensor([1, 3]), [torch.tensor([0, 1])])
        0.6666666666666666
    """
    known = [lengths[batch] for batch in batches if len(batch)]
    padded = sum(len(each) * max(1, int(each.max())) for each in known)
    return sum(int(each.sum()) for each in known) / max(1, padded)
