"""A shared network whose hidden units each task turns up, down and sideways."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from plait.data import Masked

from ._base import Sharing
from ._options import at_least


class FiLMAdapters(Sharing):
    """A shared bottom with a gain and a shift of each hidden unit for each task.

    At the start every task is answered as by one shared network. Use it for many tasks that are
    related but not the same: a task costs four numbers for each channel and layer. Not where
    memory or time for one pass per task is lacking, nor where tasks need features of their own.

    Args:
        tasks: The names of the tasks.
        width: Size of a vector, in and out.
        layers: How many residual blocks, each with its adapters.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, width]``; tokens are not looked at.
        - out: float ``[batch, width]`` for each task.

    Raises:
        ConfigError: If ``layers`` is below 1.

    Source:
        Perez et al., *FiLM: Visual Reasoning with a General Conditioning Layer*, AAAI 2018 (arXiv
        1709.07871), equation 2: ``FiLM(h) = gain * h + shift``, before the nonlinearity.
        Deviations: gain and shift are looked up by task and not computed from an input; the gain
        is kept as its distance from 1, so that weight decay leads to sharing. The blocks are those
        of :class:`Bottom`.

    Example:
        >>> import torch
        >>> features = FiLMAdapters(["price", "sold"], 8).eval()(torch.randn(5, 8))
        >>> torch.equal(features["price"], features["sold"])  # before any training
        True
    """

    def __init__(
        self, tasks: Sequence[str], width: int, *, layers: int = 2, dropout: float = 0.1
    ) -> None:
        super().__init__(tasks, width)
        self.blocks = nn.ModuleList(
            Modulated(len(self.tasks), width, dropout) for _ in range(at_least(1, "layers", layers))
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


class Modulated(nn.Module):
    """One shared residual block with gains and shifts for each task."""

    def __init__(self, tasks: int, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, 2 * width)
        self.gain = nn.Parameter(torch.zeros(tasks, 2 * width))
        self.shift = nn.Parameter(torch.zeros(tasks, 2 * width))
        self.leave = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Float[Tensor, "tasks batch width"]:
        """New states, from one for all tasks or from one for each."""
        hidden = self.enter(self.norm(states))
        hidden = (1 + self.gain.unsqueeze(1)) * hidden + self.shift.unsqueeze(1)
        return states + self.drop(self.leave(self.drop(gelu(hidden))))
