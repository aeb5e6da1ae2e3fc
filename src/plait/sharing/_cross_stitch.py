"""A tower for each task, with seams between them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait._errors import ConfigError
from plait.data import Masked

from ._base import Sharing
from ._experts import Experts
from ._options import at_least


class CrossStitch(Sharing):
    """Cross-stitch networks: a tower per task, and learned mixtures of their states in between.

    After each block every task goes on with a weighted sum of all towers. So the network learns
    how much to share at which depth. Use it for few tasks, if you want to read that off the units.
    Not where answers have to be cheap: each task pays for a tower.

    Args:
        tasks: The names of the tasks.
        width: Size of a vector, in and out.
        layers: How many residual blocks a tower has; a unit follows each.
        same: What a tower keeps of its own state at the start, from 0 to 1; the others share the
            rest.
        channels: Whether each of the ``width`` channels has a unit of its own.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, width]``; tokens are not looked at.
        - out: float ``[batch, width]`` for each task.

    Raises:
        ConfigError: If ``layers`` is below 1 or ``same`` is not a share.

    Source:
        Misra et al., *Cross-stitch Networks for Multi-task Learning*, CVPR 2016 (arXiv 1604.03539),
        section 3.2 and table 1: ``x_i <- sum_j a_ij x_j``, started at 0.9 for the same task and 0.1
        for the other. Deviations: with more than two tasks the 0.1 is split evenly; towers are
        residual networks that start as copies of one, where the paper takes trained ones, so that
        a channel means the same in each; the units learn as fast as everything else and not 100
        or 1000 times faster, which matters less under AdamW; the last layer is the head.

    Example:
        >>> import torch
        >>> module = CrossStitch(["price", "sold"], 8)
        >>> module.units[0].detach().view(2, 2)  # keeps .9 of its own, takes .1 of the other
        tensor([[0.9000, 0.1000],
                [0.1000, 0.9000]])
        >>> list(module(torch.randn(5, 8))["sold"].shape)
        [5, 8]
    """

    def __init__(
        self,
        tasks: Sequence[str],
        width: int,
        *,
        layers: int = 2,
        same: float = 0.9,
        channels: bool = False,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(tasks, width)
        if not 0 <= same <= 1:
            raise ConfigError(f"`same` should be a share from 0 to 1. Got {same}. Try 0.9.")
        count = len(self.tasks)
        self.towers = Experts(count, width, at_least(1, "layers", layers), dropout)
        for weight in self.towers.parameters():
            first = weight.data.view(count, -1)
            first.copy_(first[:1].clone().expand_as(first))
        start = torch.eye(count)
        if count > 1:
            start = start * same + (1 - start) * (1 - same) / (count - 1)
        # Flat: as matrices they would decay, which would mean to share nothing and keep nothing.
        unit = start.repeat(width if channels else 1, 1, 1).flatten()
        self.units = nn.ParameterList(nn.Parameter(unit.clone()) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, features: Float[Tensor, "batch width"], tokens: Masked | None = None
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """The states of the towers after the last unit."""
        count = len(self.tasks)
        states = features.expand(count, -1, -1)
        for block, unit in zip(self.towers.blocks, self.units, strict=True):
            mixture = unit.view(-1, count, count).expand(self.width, -1, -1)
            states = torch.einsum("wij,jbw->ibw", mixture, block(states))
        return self.named(self.norm(states))
