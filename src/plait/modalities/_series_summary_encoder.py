"""Many statistics to one token."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ._calm import Calm
from ._numeric_encoder import NumericEncoder

PACE = 20.0


class SeriesSummaryEncoder(nn.Module):
    """Lay out statistics as numbers are, weigh each, and turn all of them into one vector.

    Hundreds of statistics for a few thousand rows are soon learned by heart. So each has one
    weight for all of its entries, which learns fast and can turn it down as a whole, and a
    training step sees only some of them.

    Args:
        edges: The edges of each statistic's intervals, in scaled units, rising.
        width: Size of the vector.
        levels: The means of each statistic's entries; without any, they count from zero.
        dropout: The share of statistics that a training step does not see.
        calm: Whether the vector is the answer itself: entries are then not weighed, and their layer
            is :class:`Calm`.

    Shapes:
        - in: float ``[batch, statistics]``, bool ``[batch, statistics]``.
        - out: float ``[batch, width]``.

    Source:
        The weights are the scaling layer of Holzmüller et al., *Better by Default: Strong
        Pre-Tuned MLPs and Boosted Trees on Tabular Data*, 2024 (arXiv 2407.04491), section 3,
        here one for each statistic and not for each entry. A step twenty times as long stands
        in place of a learning rate six times as high, which comes to the same under Adam but for
        the number and weight decay.
    """

    own: Tensor
    level: Tensor

    def __init__(
        self,
        edges: Sequence[Sequence[float]],
        width: int,
        *,
        levels: Sequence[Sequence[float]] = (),
        dropout: float = 0.5,
        calm: bool = False,
    ) -> None:
        super().__init__()
        self.lay = NumericEncoder(edges, width)
        if calm:
            self.lay.project = Calm(self.lay.project.in_features, width)
        self.weight = None if calm else nn.Parameter(torch.zeros(len(edges)))
        self.drop = nn.Dropout(dropout)
        counts = torch.tensor([len(each) - 1 for each in edges])
        places = torch.arange(len(edges))
        own = torch.cat([places.repeat_interleave(counts), places, places])
        self.register_buffer("own", own, persistent=False)
        level = torch.zeros(len(own))
        if levels:
            # All intervals come first, then the numbers, then whether they are missing.
            inner = [each for one in levels for each in one[:-2]]
            level = torch.tensor(
                [*inner, *(one[-2] for one in levels), *(one[-1] for one in levels)]
            )
        self.register_buffer("level", level, persistent=False)

    def forward(
        self, values: Float[Tensor, "batch statistics"], mask: Bool[Tensor, "batch statistics"]
    ) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        entries = self.lay.layout(values, mask) - self.level
        share = self.drop(torch.ones_like(values))
        if self.weight is not None:
            share = share * (1 + PACE * self.weight)
        return self.lay.project(entries * share[:, self.own])
