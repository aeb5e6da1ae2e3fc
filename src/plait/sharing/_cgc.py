"""Shared and private experts."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Sharing
from ._extraction import Extraction
from ._options import at_least


class CGC(Sharing):
    """Customized gate control: each task mixes its own experts and those that serve all.

    Use it when tasks are known to pull apart: what a task keeps for itself no other one touches.
    Not for many tasks (each brings ``own`` experts) or few rows. Several levels of it are
    :class:`PLE`.

    Args:
        tasks: The names of the tasks.
        width: Size of a vector, in and out.
        shared: How many experts serve all tasks.
        own: How many experts each task has for itself.
        layers: How many residual blocks each expert has.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, width]``; tokens are not looked at.
        - out: float ``[batch, width]`` for each task.

    Raises:
        ConfigError: If one of the counts is below 1.

    Source:
        Tang et al., *Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for
        Personalized Recommendations*, RecSys 2020, section 4.1: ``g_k(x) = softmax(W_k x) S_k(x)``,
        where ``S_k`` stacks the experts of task ``k`` and the shared ones. Deviations: an expert is
        a residual network; gates read normalized features; the mixtures are normalized; the towers
        are the heads of the tasks.

    Example:
        >>> import torch
        >>> features = CGC(["price", "sold"], 8)(torch.randn(5, 8))
        >>> {name: list(part.shape) for name, part in features.items()}
        {'price': [5, 8], 'sold': [5, 8]}
    """

    def __init__(
        self,
        tasks: Sequence[str],
        width: int,
        *,
        shared: int = 2,
        own: int = 1,
        layers: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(tasks, width)
        self.level = Extraction(
            len(self.tasks),
            width,
            shared=at_least(1, "shared", shared),
            own=at_least(1, "own", own),
            layers=at_least(1, "layers", layers),
            dropout=dropout,
            last=True,
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, features: Float[Tensor, "batch width"], tokens: Masked | None = None
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """A mixture of its own and the shared experts for each task."""
        states = self.level(features.expand(len(self.tasks) + 1, -1, -1))
        return self.named(self.norm(states))
