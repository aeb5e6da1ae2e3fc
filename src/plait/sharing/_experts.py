"""Several networks of one form, side by side."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm


class Experts(nn.Module):
    """Residual networks of the same form and with weights of their own, run as one.

    Args:
        count: How many networks.
        width: Size of a vector, in and out.
        layers: How many residual blocks each has.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, width]`` for all of them, or ``[count, batch, width]`` for each.
        - out: float ``[count, batch, width]``.
    """

    def __init__(self, count: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Blocks(count, width, dropout) for _ in range(layers))

    def forward(self, values: Tensor) -> Float[Tensor, "count batch width"]:
        """What each network says."""
        states = values if values.ndim == 3 else values.unsqueeze(0)
        for block in self.blocks:
            states = block(states)
        return states


class Blocks(nn.Module):
    """One residual block for each of several networks."""

    def __init__(self, count: int, width: int, dropout: float) -> None:
        super().__init__()
        hidden = 2 * width
        self.count = count
        # Flat, because biases are told from weights, which decay, by their single dimension.
        self.enter, self.enter_bias = (
            uniform(width, count, width, hidden),
            uniform(width, count * hidden),
        )
        self.leave, self.leave_bias = (
            uniform(hidden, count, hidden, width),
            uniform(hidden, count * width),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Float[Tensor, "count batch width"]:
        """New states, the old ones added."""
        seen = normal(states).expand(self.count, -1, -1)
        bias = self.enter_bias.view(self.count, 1, -1)
        hidden = self.drop(gelu(torch.baddbmm(bias, seen, self.enter)))
        bias = self.leave_bias.view(self.count, 1, -1)
        return states + self.drop(torch.baddbmm(bias, hidden, self.leave))


def normal(values: Tensor) -> Tensor:
    """Vectors of mean 0 and variance 1; a gain would be one with the weights that follow."""
    return layer_norm(values, values.shape[-1:])


def uniform(fan: int, *shape: int) -> nn.Parameter:
    """Weights that start as those of a linear layer with ``fan`` inputs."""
    return nn.Parameter(torch.empty(*shape).uniform_(-(fan**-0.5), fan**-0.5))
