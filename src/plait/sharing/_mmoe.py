"""Experts for all, and a gate for each task."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Sharing
from ._experts import Experts, normal
from ._options import at_least


class MMoE(Sharing):
    """Multi-gate mixture of experts: each task weighs the same experts for itself, row by row.

    Use it for tasks that are only loosely related, on some thousands of rows or more. Not for few
    rows or tasks that agree: it costs ``experts`` times what :class:`Bottom` does with as many
    layers. Nothing keeps an expert for one task: where tasks fight for all of them, see
    :class:`CGC`.

    Args:
        tasks: The names of the tasks.
        width: Size of a vector, in and out.
        experts: How many experts.
        layers: How many residual blocks each expert has.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, width]``; tokens are not looked at.
        - out: float ``[batch, width]`` for each task.

    Raises:
        ConfigError: If ``experts`` or ``layers`` is below 1.

    Source:
        Ma et al., *Modeling Task Relationships in Multi-task Learning with Multi-gate
        Mixture-of-Experts*, KDD 2018, section 4.2: ``f_k(x) = sum_e g_k(x)_e f_e(x)`` with
        ``g_k(x) = softmax(W_k x)``. Deviations: an expert is a residual network and not one layer
        with ReLU; the gates read normalized features, since nothing bounds those of a fusion; the
        mixture is normalized, as that of every sharing here; the towers are the heads of the tasks.

    Example:
        >>> import torch
        >>> features = MMoE(["price", "sold"], 8, experts=3)(torch.randn(5, 8))
        >>> {name: list(part.shape) for name, part in features.items()}
        {'price': [5, 8], 'sold': [5, 8]}
    """

    def __init__(
        self,
        tasks: Sequence[str],
        width: int,
        *,
        experts: int = 4,
        layers: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(tasks, width)
        count = at_least(1, "experts", experts)
        self.experts = Experts(count, width, at_least(1, "layers", layers), dropout)
        self.gates = nn.Linear(width, len(self.tasks) * count, bias=False)
        self.norm = nn.LayerNorm(width)

    def forward(
        self, features: Float[Tensor, "batch width"], tokens: Masked | None = None
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """A mixture of the experts for each task."""
        mixed = torch.einsum("bte,ebw->tbw", self.weights(features), self.experts(features))
        return self.named(self.norm(mixed))

    def weights(
        self, features: Float[Tensor, "batch width"]
    ) -> Float[Tensor, "batch tasks experts"]:
        """How each row and task weighs the experts; the weights of each sum to 1."""
        return self.gates(normal(features)).unflatten(1, (len(self.tasks), -1)).softmax(2)
