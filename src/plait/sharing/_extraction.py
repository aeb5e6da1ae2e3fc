"""One level of experts, some for all tasks and some for one."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ._experts import Experts, normal, uniform


class Extraction(nn.Module):
    """Experts of each task and of all, and gates that look at their own ones and those of all.

    Args:
        tasks: How many tasks.
        width: Size of a vector, in and out.
        shared: How many experts serve all tasks.
        own: How many experts each task has for itself.
        layers: How many residual blocks each expert has.
        dropout: Share of hidden units that are dropped in training.
        last: Whether no other level follows, which would need a state that is shared.

    Shapes:
        - in: float ``[tasks + 1, batch, width]``, the shared state last.
        - out: the same; of the last level ``[tasks, batch, width]``.
    """

    def __init__(
        self,
        tasks: int,
        width: int,
        *,
        shared: int,
        own: int,
        layers: int,
        dropout: float,
        last: bool,
    ) -> None:
        super().__init__()
        self.tasks, self.each = tasks, own
        self.own = Experts(tasks * own, width, layers, dropout)
        self.shared = Experts(shared, width, layers, dropout)
        self.gates = uniform(width, tasks, width, own + shared)
        self.shared_gate = None if last else nn.Linear(width, tasks * own + shared, bias=False)

    def forward(
        self, states: Float[Tensor, "states batch width"]
    ) -> Float[Tensor, "outputs batch width"]:
        """New states of the tasks, and of what they share if a level follows."""
        mine, common = states[: self.tasks], states[self.tasks]
        own = self.own(mine.repeat_interleave(self.each, 0))
        shared = self.shared(common)
        weights = torch.bmm(normal(mine), self.gates).softmax(2)
        mixed = torch.einsum(
            "tbe,tebw->tbw", weights[..., : self.each], own.unflatten(0, (self.tasks, self.each))
        ) + torch.einsum("tbe,ebw->tbw", weights[..., self.each :], shared)
        if self.shared_gate is None:
            return mixed
        weights = self.shared_gate(normal(common)).softmax(1)
        total = torch.einsum("be,ebw->bw", weights, torch.cat([own, shared]))
        return torch.cat([mixed, total.unsqueeze(0)])
