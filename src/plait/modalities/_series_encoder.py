"""The network part of series."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from plait.data import Masked

from ._series_net import SeriesNet
from ._series_summary_encoder import SeriesSummaryEncoder


class SeriesEncoder(nn.Module):
    """Statistics of each channel to one token, and what a net sees in the steps to another.

    Args:
        channels: How many channels there are.
        steps: How many steps; 0 leaves the net out.
        edges: The edges of each statistic's intervals, rising, channel by channel; without any,
            the statistics are left out.
        width: Size of a token.
        dropout: The share of statistics that a training step does not see.

    Shapes:
        - in: ``values`` float ``[batch, channels, statistics + steps]``, ``mask`` bool alike.
        - out: ``values`` float ``[batch, tokens, width]``, ``mask`` bool ``[batch, tokens]``, with
          a token for each of the two.

    Example:
        >>> encode = SeriesEncoder(2, 5, [(0.0, 1.0)] * 6, width=8)
        >>> encode(Masked(torch.zeros(4, 2, 8), torch.ones(4, 2, 8).bool())).values.shape
        torch.Size([4, 2, 8])
    """

    def __init__(
        self,
        channels: int,
        steps: int,
        edges: Sequence[Sequence[float]],
        width: int,
        *,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.statistics = len(edges) // channels
        self.summary = SeriesSummaryEncoder(edges, width, dropout=dropout) if edges else None
        self.net = SeriesNet(channels, width) if steps else None

    def forward(self, cells: Masked) -> Masked:
        """One token per row for each part."""
        values, mask = cells.values.where(cells.mask, 0.0), cells.mask
        tokens: list[Tensor] = []
        if self.summary is not None:
            count = self.statistics
            found, known = values[:, :, :count].flatten(1), mask[:, :, :count].flatten(1)
            tokens.append(self.summary(found, known))
        if self.net is not None:
            tokens.append(self.net(values[:, :, self.statistics :], mask[:, :, self.statistics :]))
        there = cells.present.unsqueeze(1).expand(-1, len(tokens))
        return Masked(torch.stack(tokens, 1), there)
