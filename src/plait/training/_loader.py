"""Which rows each step sees, and which rows no step sees."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor


def steps(rows: int, batch_size: int, seed: int, epoch: int) -> Iterator[Int64[Tensor, " batch"]]:
    """The rows of each step of an epoch: a function of its arguments and of nothing else.

    All steps have about the same number of rows, so that no last step is a handful.

    Example:
        >>> [len(step) for step in steps(10, 4, seed=0, epoch=0)]
        [4, 3, 3]
        >>> sorted(torch.cat(list(steps(10, 4, seed=0, epoch=0))).tolist()) == list(range(10))
        True
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % (1 << 63))
    order = torch.randperm(rows, generator=generator)
    return iter(order.tensor_split(max(1, -(-rows // batch_size))))


def held_back(rows: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows to train on, and those that are held back to choose the best weights by.

    Example:
        >>> train, held = held_back(10, 0.2, seed=0)
        >>> len(train), len(held), len({*train.tolist(), *held.tolist()})
        (8, 2, 10)
    """
    held = min(round(share * rows), 10_000, rows - 1)
    order = np.random.default_rng(seed).permutation(rows) if held else np.arange(rows)
    return np.sort(order[held:]), np.sort(order[:held])
