"""Random numbers that are a function of seed, epoch and row."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

# The increment and the two multipliers of SplitMix64 (Steele, Lea and Flood, 2014), as int64.
_STEP, _FIRST, _SECOND = -7046029254386353131, -4658895280553007687, -7723592293110705685
_HALF = 1 << 63


def noise(
    seed: int, epoch: int, rows: Int64[Tensor, " batch"], draws: int
) -> Float[Tensor, "batch draws"]:
    """Numbers spread evenly over [0, 1), the same for a row wherever and whenever it is met.

    Example:
        >>> alone = noise(0, 3, torch.tensor([7]), 2)
        >>> bool((alone == noise(0, 3, torch.tensor([5, 7]), 2)[1]).all())
        True
    """
    start = (seed * 1_000_003 + epoch + _HALF) % (2 * _HALF) - _HALF  # around, as int64 goes
    key = _mix(torch.tensor(start))
    places = torch.arange(1, draws + 1, device=rows.device) * _STEP
    state = _mix(key + rows * _STEP).unsqueeze(1) + places
    return _shift(_mix(state), 40).to(torch.float32) / (1 << 24)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift(x, 30)) * _FIRST
    x = (x ^ _shift(x, 27)) * _SECOND
    return x ^ _shift(x, 31)


def _shift(x: Tensor, bits: int) -> Tensor:
    # torch shifts the sign in; SplitMix64 wants zeros.
    return (x >> bits) & ((1 << (64 - bits)) - 1)
