"""How numbers become standard units."""

from pydantic.dataclasses import dataclass

from ._base import STRICT


@dataclass(frozen=True, config=STRICT)
class Scale:
    """How labels become standard units: ``(label - mean) / std``, of the logarithm if so said.

    Args:
        log: Whether the logarithm is taken first.
        shift: How much is added before the logarithm, so that a zero has one.
        mean: The mean of each entry.
        std: The standard deviation of each entry.
        vector: Whether a cell holds a list of numbers.
        middle: The best constant answer for each entry, in standard units.
    """

    log: bool
    shift: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    vector: bool
    middle: tuple[float, ...]
