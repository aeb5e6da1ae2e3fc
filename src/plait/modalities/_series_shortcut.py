"""The wide path of series: statistics straight to the outputs."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._series_summary_encoder import SeriesSummaryEncoder


class SeriesShortcut(nn.Module):
    """A sum of curves, one for each statistic, added to what the deep network says.

    The intervals of a statistic make its curve: straight within each, and free to bend between
    them. Use it beside a deep encoder: scores made of points for single measurements are such a
    sum, and the net is left with what depends on several at once. Its layer is :class:`Calm`, for a
    few thousand rows say little of any one statistic.

    Args:
        channels: How many channels there are.
        edges: The edges of each statistic's intervals, in scaled units, rising.
        outputs: How many outputs the model has.
        levels: The means of each statistic's entries; without any, they count from zero.
        dropout: The share of statistics that a training step does not see.

    Shapes:
        - in: ``values`` float ``[batch, channels, statistics + steps]``, ``mask`` bool alike.
        - out: float ``[batch, outputs]``.

    Source:
        The idea is that of generalized additive models (Hastie and Tibshirani, 1986) beside a deep
        net, as in Cheng et al., *Wide & Deep Learning for Recommender Systems*, 2016 (arXiv
        1606.07792).
    """

    def __init__(
        self,
        channels: int,
        edges: Sequence[Sequence[float]],
        outputs: int,
        *,
        levels: Sequence[Sequence[float]] = (),
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.statistics = len(edges) // channels
        self.curves = SeriesSummaryEncoder(
            edges, outputs, levels=levels, dropout=dropout, calm=True
        )
        nn.init.zeros_(self.curves.lay.project.weight)
        nn.init.zeros_(self.curves.lay.project.bias)

    def forward(self, cells: Masked) -> Float[Tensor, "batch outputs"]:
        """What the statistics of each row add to its outputs."""
        mask = cells.mask[:, :, : self.statistics].flatten(1)
        values = cells.values[:, :, : self.statistics].flatten(1)
        return self.curves(values.where(mask, 0.0), mask)
