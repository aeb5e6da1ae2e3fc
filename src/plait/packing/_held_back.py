"""Which rows no step sees."""

import numpy as np

MOST = 10_000
FEW = 50_000_000
"""Up to so many rows a whole permutation is no burden."""


def held_back(rows: int, share: float, seed: int) -> np.ndarray:
    """The rows that are held back to choose the best weights by, in their order.

    Example:
        >>> len(held_back(10, 0.2, seed=0)), len(held_back(1_000_000_000, 0.2, seed=0))
        (2, 10000)
    """
    count = min(round(share * rows), MOST, rows - 1)
    generator = np.random.default_rng(seed)
    if rows <= FEW:
        return np.sort(generator.permutation(rows)[:count])
    return np.sort(generator.choice(rows, count, replace=False, shuffle=False))


def others(rows: int, held: np.ndarray) -> np.ndarray:
    """All rows but some, in their order.

    Example:
        >>> others(4, np.array([1, 3])).tolist()
        [0, 2]
    """
    kept = np.ones(rows, bool)
    kept[held] = False
    return np.flatnonzero(kept)
