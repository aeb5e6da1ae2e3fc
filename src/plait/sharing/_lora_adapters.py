"""A shared network with a small detour around each layer for each task."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from plait._errors import ConfigError
from plait.data import Masked

from ._base import Sharing
from ._options import at_least


class LoRAAdapters(Sharing):
    """A shared bottom with a low-rank residual beside each layer for each task.

    At the start every task is answered as by one shared network. Use it when tasks agree on the
    whole and need a few directions of their own: more room than :class:`FiLMAdapters`, less than
    :class:`CGC`. Not where time for one pass per task is lacking.

    Args:
        tasks: The names of the tasks.
        width: Size of a vector, in and out.
        rank: How many directions a task has beside each layer.
        alpha: The residual is multiplied by ``alpha / rank``.
        layers: How many residual blocks, of two layers each.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, width]``; tokens are not looked at.
        - out: float ``[batch, width]`` for each task.

    Raises:
        ConfigError: If ``rank`` or ``layers`` is below 1, or ``alpha`` is not positive.

    Source:
        Hu et al., *LoRA: Low-Rank Adaptation of Large Language Models*, 2021 (arXiv 2106.09685),
        section 4.1: ``W x + alpha / rank * B A x`` with ``B`` zero at the start. One for each task
        as in Agiza et al., *MTLoRA*, CVPR 2024. Deviations: the shared ``W`` is trained as well,
        from scratch and at the same time; no dropout before ``A``. The blocks are those of
        :class:`Bottom`.

    Example:
        >>> import torch
        >>> features = LoRAAdapters(["price", "sold"], 8).eval()(torch.randn(5, 8))
        >>> torch.equal(features["price"], features["sold"])  # before any training
        True
    """

    def __init__(
        self,
        tasks: Sequence[str],
        width: int,
        *,
        rank: int = 4,
        alpha: float = 4.0,
        layers: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(tasks, width)
        if alpha <= 0:
            raise ConfigError(f"`alpha` should be above 0. Got {alpha}. Try the rank.")
        scale = alpha / at_least(1, "rank", rank)
        self.blocks = nn.ModuleList(
            Detoured(len(self.tasks), width, rank, scale, dropout)
            for _ in range(at_least(1, "layers", layers))
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, features: Float[Tensor, "batch width"], tokens: Masked | None = None
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """The states of the tasks after the last block."""
        states = features.unsqueeze(0)
        for block in self.blocks:
            states = block(states)
        return self.named(self.norm(states))


class Detoured(nn.Module):
    """One residual block of two layers that tasks share, each with detours."""

    def __init__(self, tasks: int, width: int, rank: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.enter = LowRank(tasks, width, 2 * width, rank, scale)
        self.leave = LowRank(tasks, 2 * width, width, rank, scale)
        self.drop = nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Float[Tensor, "tasks batch width"]:
        """New states, from one for all tasks or from one for each."""
        hidden = self.drop(gelu(self.enter(self.norm(states))))
        return states + self.drop(self.leave(hidden))


class LowRank(nn.Module):
    """A shared linear layer, and a product of two thin matrices for each task."""

    def __init__(self, tasks: int, inputs: int, outputs: int, rank: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.shared = nn.Linear(inputs, outputs)
        self.down = nn.Parameter(torch.randn(tasks, inputs, rank) * inputs**-0.5)
        self.up = nn.Parameter(torch.zeros(tasks, rank, outputs))

    def forward(self, states: Tensor) -> Float[Tensor, "tasks batch outputs"]:
        """The layer, and what each task adds to it."""
        return self.shared(states) + self.scale * (states @ self.down @ self.up)
