"""A smooth choice of some experts among several."""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def smooth_step(values: Tensor, gamma: float) -> Tensor:
    """0 up to ``-gamma / 2``, 1 from ``gamma / 2`` on, and a cubic in between."""
    half = gamma / 2
    # Mask the operand: the cube of a huge number is infinite, and so is its gradient.
    near = values.clamp(-half, half)
    cubic = -2 / gamma**3 * near**3 + 3 / (2 * gamma) * near + 0.5
    return torch.where(values <= -half, 0.0, torch.where(values >= half, 1.0, cubic))


def codes(experts: int) -> Bool[Tensor, "experts bits"]:
    """The number of each expert in binary, the lowest bit first."""
    bits = (experts - 1).bit_length()
    return torch.tensor([[bool(n >> bit & 1) for bit in range(bits)] for n in range(experts)])


def picked(
    steps: Float[Tensor, "*batch bits"], code: Bool[Tensor, "experts bits"]
) -> Float[Tensor, "*batch experts"]:
    """How far each expert is picked: the product over the bits of its number."""
    share = torch.ones_like(steps[..., :1])
    # A loop over a handful of bits: the gradient of `prod` waits for the device to find zeros.
    for bit in range(code.shape[1]):
        step = steps[..., bit : bit + 1]
        share = share * torch.where(code[:, bit], step, 1 - step)
    return share


def doubt(shares: Float[Tensor, "*batch experts"], entropy: float) -> Float[Tensor, "*batch"]:
    """What a choice costs: its entropy, and for numbers that no expert has, one over the rest."""
    cost = -entropy * (shares * (shares + 1e-6).log()).sum(-1)
    if shares.shape[-1].bit_count() == 1:  # every number in so many bits has its expert
        return cost
    return cost + 1 / shares.sum(-1).clamp(min=1e-6)


class Pull(torch.autograd.Function):
    """The same values, and on the way back a cost of each task is brought down as well.

    A task without any gradient takes no part in the step, and pulls at nothing.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, costs: Tensor) -> Tensor:
        """The states, untouched."""
        ctx.dtype = costs.dtype
        return states.view_as(states)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # ty: ignore[incompatible-method-override]  # torch leaves its signature open
        """The gradient of the loss, and one for each cost of a task that has a loss."""
        return gradient, (gradient != 0).any(2).any(1).to(ctx.dtype)
