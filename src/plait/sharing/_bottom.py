"""All tasks share everything below their heads."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Sharing


class Bottom(Sharing):
    """One residual network for all tasks (hard parameter sharing, the default).

    Use it unless tasks are known to pull apart: it is the cheapest, and hard to beat on related
    tasks. Not when one task's gain is another one's loss, and a linear head each is too little.

    Args:
        tasks: The names of the tasks.
        width: Size of a vector, in and out.
        layers: How many residual blocks.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, width]``; tokens are not looked at.
        - out: the same float ``[batch, width]`` for every task.

    Source:
        Caruana, *Multitask Learning*, 1997; the blocks are the residual ones of Gorishniy et al.,
        *Revisiting Deep Learning Models for Tabular Data*, 2021 (arXiv 2106.11959), section 3.2,
        with LayerNorm in place of BatchNorm.

    Example:
        >>> import torch
        >>> features = Bottom(["price", "sold"], 8)(torch.randn(3, 8))
        >>> features["price"] is features["sold"]
        True
    """

    def __init__(
        self, tasks: Sequence[str], width: int, *, layers: int = 2, dropout: float = 0.1
    ) -> None:
        super().__init__(tasks, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, 2 * width),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(2 * width, width),
                nn.Dropout(dropout),
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, features: Float[Tensor, "batch width"], tokens: Masked | None = None
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """The same features for every task."""
        for block in self.blocks:
            features = features + block(features)
        shared = self.norm(features)
        return {task: shared for task in self.tasks}  # noqa: C420 (fromkeys loses the type)
