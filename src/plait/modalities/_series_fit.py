"""What series looked like in training."""

from pydantic.dataclasses import dataclass

from ._base import STRICT


@dataclass(frozen=True, config=STRICT)
class SeriesFit:
    """What the series of an input looked like in training.

    Args:
        channels: The names of what was measured, in the order in which they are packed.
        low: What smaller measurements of each channel are raised to.
        high: What greater measurements of each channel are lowered to.
        mean: The mean of the measurements of each channel.
        std: Their standard deviation; 1 for a channel that does not change.
        first: Whether times count from the first one of each row.
        span: The length of time that the steps cover.
        steps: Into how many equal steps it is divided.
        centers: The mean of each statistic, for each channel and part of the time.
        scales: Its standard deviation.
        knots: Where its intervals meet, rising; at least two.
        levels: The means of its entries as :class:`NumericEncoder` lays them out: of each interval,
            of the number, and of whether it is missing.
    """

    channels: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    first: bool
    span: float
    steps: int
    centers: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    knots: tuple[tuple[float, ...], ...] = ()
    levels: tuple[tuple[float, ...], ...] = ()

    @property
    def edges(self) -> tuple[tuple[float, ...], ...]:
        """The knots in scaled units."""
        each = zip(self.knots, self.centers, self.scales, strict=True)
        return tuple(
            tuple((knot - center) / scale for knot in knots) for knots, center, scale in each
        )
