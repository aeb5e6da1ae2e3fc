"""A net over equal steps of time."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import gelu

REACHES = (3, 9, 19)
ROUNDS = 2


class SeriesNet(nn.Module):
    """Convolutions of several reaches over all channels, to one vector.

    It reads the mean of each step, whether there was a measurement, and how long ago the last one
    was. After two rounds of convolutions of short, middle and long reach the mean, the maximum and
    the last step are taken.

    Args:
        channels: How many channels there are.
        width: Size of the vector.
        size: How many filters there are in all.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, channels, steps]``, bool ``[batch, channels, steps]``.
        - out: float ``[batch, width]``.

    Source:
        Ismail Fawaz et al., *InceptionTime: Finding AlexNet for Time Series Classification*, 2019
        (arXiv 1909.04939), section 3: parallel filters of several lengths after a bottleneck, and
        a residual; here with two rounds, GroupNorm for BatchNorm (rows must not mix), no pooled
        branch, no ensemble, and two more ways of pooling. The gaps as inputs are those of Che et
        al., *Recurrent Neural Networks for Multivariate Time Series with Missing Values*, 2016
        (arXiv 1606.01865), section 2.
    """

    def __init__(self, channels: int, width: int, *, size: int = 48, dropout: float = 0.2) -> None:
        super().__init__()
        each = size // len(REACHES)
        self.enter = nn.Conv1d(3 * channels, size, 1)
        self.reaching = nn.ModuleList(
            nn.Conv1d(size, each, reach, padding=reach // 2) for reach in ROUNDS * REACHES
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, size) for _ in range(ROUNDS))
        self.drop = nn.Dropout(dropout)
        self.leave = nn.Linear(3 * size, width)

    def forward(
        self,
        values: Float[Tensor, "batch channels steps"],
        mask: Bool[Tensor, "batch channels steps"],
    ) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        held = values / (1 + (values / 3).square()).sqrt()
        known = mask.to(values.dtype)
        states = self.enter(
            torch.cat([held.where(mask, 0.0), known, waited(mask, values.dtype)], 1)
        )
        for place, norm in enumerate(self.norms):
            quiet, first = self.drop(norm(states)), place * len(REACHES)
            seen = [self.reaching[first + each](quiet) for each in range(len(REACHES))]
            states = states + gelu(torch.cat(seen, 1))
        pooled = torch.cat([states.mean(2), states.amax(2), states[:, :, -1]], 1)
        return self.leave(self.drop(pooled))


def waited(
    mask: Bool[Tensor, "batch channels steps"], dtype: torch.dtype
) -> Float[Tensor, "batch channels steps"]:
    """For how much of the time there has been no measurement: in [0, 1], 0 where there is one.

    Before the first one it counts from the beginning.

    Example:
        >>> mask = torch.tensor([[[False, True, False, False]]])
        >>> waited(mask, torch.float32).tolist()
        [[[0.25, 0.0, 0.25, 0.5]]]
    """
    steps = mask.shape[2]
    place = torch.arange(1, steps + 1, device=mask.device)
    last = place.where(mask, 0).cummax(2).values
    return (place - last).to(dtype) / steps
