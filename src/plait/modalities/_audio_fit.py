"""What the sounds of a column were like in training."""

from pydantic.dataclasses import dataclass

from ._base import STRICT


@dataclass(frozen=True, config=STRICT)
class AudioFit:
    """What the sounds of a column were like in training.

    Args:
        rate: The sampling rate that all are brought to, in Hz.
        mean: Of the logarithm of the power in each mel band, over all frames.
        std: Its standard deviation.
        rows: How many rows training has.
    """

    rate: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rows: int
