"""A few experts for each task, chosen smoothly."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait._errors import ConfigError
from plait.data import Masked

from ._base import Sharing
from ._experts import Experts, normal
from ._options import at_least
from ._selector import Pull, codes, doubt, picked, smooth_step


class DSelectK(Sharing):
    """DSelect-k: each task mixes at most ``selected`` of the experts, by a differentiable choice.

    A task has ``selected`` selectors. Each spells the number of an expert in bits, and a bit is a
    smooth step of a logit: far from 0 it is exactly 0 or 1, and the choice is made. Use it for
    many experts or tasks, and to learn which tasks go together. Not for few rows, and not to
    save time: all experts are computed here, chosen or not.

    Args:
        tasks: The names of the tasks.
        width: Size of a vector, in and out.
        experts: How many experts; a power of two wastes no code.
        selected: How many of them a task may mix.
        per_row: Whether each row chooses for itself, and not the task for all rows.
        gamma: How wide the step from 0 to 1 is.
        entropy: What undecided selectors cost.
        layers: How many residual blocks each expert has.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, width]``; tokens are not looked at.
        - out: float ``[batch, width]`` for each task.

    Raises:
        ConfigError: If there are fewer than 2 experts, more selected than there are, or an option
            is not positive.

    Source:
        Hazimeh et al., *DSelect-k: Differentiable Selection in the Mixture of Experts*, NeurIPS
        2021 (arXiv 2106.03760), section 3, and the authors' code:
        ``q = sum_i softmax(a)_i r(z_i)``, ``r(z)_e`` the product of ``S(z_j)`` over the bits that
        are 1 in ``e`` and ``1 - S(z_j)`` over the others; logits ``z`` are free (static gates) or
        linear in the features. The entropy of each ``r`` times ``entropy`` is brought down, and if
        the number of experts is no power of two, ``1 / sum(r)`` as well, so that no selector ends
        at a code without an expert.
        Deviations: both costs are means over rows where gates read rows, not sums; nothing is added
        to the loss that is reported: the costs enter on the way back, once for each backward pass
        and task with a loss, whatever the weight of that loss; gates read normalized features; an
        expert is a residual network; mixtures are normalized; the towers are the heads.

    Example:
        >>> import torch
        >>> module = DSelectK(["price", "sold"], 8, experts=4, selected=1)
        >>> nn.init.constant_(module.bits.values, 0.5).shape  # all bits are 1: the last expert
        torch.Size([4])
        >>> module.weights(torch.randn(5, 8)).tolist()
        [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
    """

    code: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        width: int,
        *,
        experts: int = 4,
        selected: int = 2,
        per_row: bool = False,
        gamma: float = 1.0,
        entropy: float = 0.01,
        layers: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(tasks, width)
        at_least(2, "experts", experts)
        if at_least(1, "selected", selected) > experts:
            raise ConfigError(
                f"`selected` should be at most the number of experts. Got {selected} of {experts}. "
                "Choose fewer, or more experts."
            )
        if not (gamma > 0 and entropy >= 0):
            raise ConfigError(
                "`gamma` should be above 0, and `entropy` not below it. Got "
                f"gamma={gamma} and entropy={entropy}. Try 1.0 and 0.01."
            )
        self.selected, self.gamma, self.entropy = selected, gamma, entropy
        self.experts = Experts(experts, width, at_least(1, "layers", layers), dropout)
        self.register_buffer("code", codes(experts), persistent=False)
        choices = len(self.tasks) * selected
        bits = choices * (experts - 1).bit_length()
        self.bits = nn.Linear(width, bits) if per_row else Free(bits)
        self.ratio = nn.Linear(width, choices) if per_row else Free(choices)
        for part, bound in ((self.bits, gamma / 100), (self.ratio, 0.05)):
            for weight in part.parameters():
                nn.init.uniform_(weight, -bound, bound)
        self.norm = nn.LayerNorm(width)

    def forward(
        self, features: Float[Tensor, "batch width"], tokens: Masked | None = None
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """A mixture of the chosen experts for each task."""
        shares, ratio = self._choices(features)
        weights = (ratio.unsqueeze(-1) * shares).sum(-2)
        form = "te,ebw->tbw" if weights.ndim == 2 else "bte,ebw->tbw"
        states = self.norm(torch.einsum(form, weights, self.experts(features)))
        if self.training:
            cost = doubt(shares, self.entropy).sum(-1)
            states = Pull.apply(states, cost if cost.ndim == 1 else cost.mean(0))
        return self.named(states)

    def weights(
        self, features: Float[Tensor, "batch width"]
    ) -> Float[Tensor, "tasks experts"] | Float[Tensor, "batch tasks experts"]:
        """How each task, or row and task, weighs the experts."""
        shares, ratio = self._choices(features)
        return (ratio.unsqueeze(-1) * shares).sum(-2)

    def _choices(self, features: Tensor) -> tuple[Tensor, Tensor]:
        seen, shape = normal(features), (len(self.tasks), self.selected)
        steps = smooth_step(self.bits(seen).unflatten(-1, (*shape, -1)), self.gamma)
        return picked(steps, self.code), self.ratio(seen).unflatten(-1, shape).softmax(-1)


class Free(nn.Module):
    """Logits that are the same for every row."""

    def __init__(self, count: int) -> None:
        super().__init__()
        # Flat, and so without decay: it would draw a choice that was made back to the middle.
        self.values = nn.Parameter(torch.zeros(count))

    def forward(self, features: Tensor) -> Float[Tensor, " count"]:
        """The logits."""
        return self.values
