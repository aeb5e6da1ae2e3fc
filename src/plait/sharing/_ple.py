"""Levels of shared and private experts."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Sharing
from ._extraction import Extraction
from ._options import at_least


class PLE(Sharing):
    """Progressive layered extraction: levels of experts, some for all tasks and some for one.

    Each level has the experts and gates of :class:`CGC`, and one more gate that mixes all experts
    into a shared state for the next level. The last level has none. Use it when one task wins
    what another loses (the seesaw), with many rows and few tasks. Not for many tasks: each brings
    ``levels * own`` experts.

    Args:
        tasks: The names of the tasks.
        width: Size of a vector, in and out.
        levels: How many levels.
        shared: How many experts of a level serve all tasks.
        own: How many experts of a level each task has for itself.
        layers: How many residual blocks each expert has.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, width]``; tokens are not looked at.
        - out: float ``[batch, width]`` for each task.

    Raises:
        ConfigError: If one of the counts is below 1.

    Source:
        Tang et al., *Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for
        Personalized Recommendations*, RecSys 2020, section 4.2: the gate of task ``k`` at level
        ``j`` reads the state of ``k`` below it, ``g_kj = softmax(W_kj g_k(j-1)) S_kj``; the shared
        gate weighs the experts of all. Deviations: an expert is a residual network; gates read
        normalized states; the mixtures of the last level are normalized; the towers are the heads
        of the tasks.

    Example:
        >>> import torch
        >>> features = PLE(["price", "sold"], 8, levels=2)(torch.randn(5, 8))
        >>> {name: list(part.shape) for name, part in features.items()}
        {'price': [5, 8], 'sold': [5, 8]}
    """

    def __init__(
        self,
        tasks: Sequence[str],
        width: int,
        *,
        levels: int = 2,
        shared: int = 2,
        own: int = 1,
        layers: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(tasks, width)
        at_least(1, "levels", levels)
        self.levels = nn.ModuleList(
            Extraction(
                len(self.tasks),
                width,
                shared=at_least(1, "shared", shared),
                own=at_least(1, "own", own),
                layers=at_least(1, "layers", layers),
                dropout=dropout,
                last=level == levels - 1,
            )
            for level in range(levels)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, features: Float[Tensor, "batch width"], tokens: Masked | None = None
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """The states of the tasks after the last level."""
        states = features.expand(len(self.tasks) + 1, -1, -1)
        for level in self.levels:
            states = level(states)
        return self.named(self.norm(states))
