"""What a column of numbers looked like in training."""

from pydantic.dataclasses import dataclass

from ._base import STRICT


@dataclass(frozen=True, config=STRICT)
class NumericColumn:
    """What a column of numbers looked like in training.

    Args:
        mean: Its mean.
        std: Its standard deviation; 1 for a column that does not change.
        low: Its least number.
        high: Its greatest number.
        knots: Where its intervals meet, rising; at least two.
        levels: The share of the training rows below each knot, half of those on it included.
    """

    mean: float
    std: float
    low: float
    high: float
    knots: tuple[float, ...]
    levels: tuple[float, ...]
