"""One input conditions the others."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait._errors import ConfigError, suggestion
from plait.data import Masked

from ._base import Fusion, pooled
from ._there import mean_there


class FiLM(Fusion):
    """One input scales and shifts the others, number by number (feature-wise linear modulation).

    The result is the mean of the inputs that are there, the conditioning one among them as it is.
    Where the conditioning input is absent, the others stay as they are. Use it where one input
    says how to read the rest: a question and a picture, a sensor's settings and its signal. Do
    not use it where no input has that part, or where the others should condition each other.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.
        conditioner: The name of the input that conditions the others; left out, the first.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If ``conditioner`` is none of the inputs.

    Source:
        Perez et al., *FiLM: Visual Reasoning with a General Conditioning Layer*, 2018
        (arXiv 1709.07871), section 2: ``gamma * x + beta`` with gamma and beta linear in the
        condition, and, as in its experiments, gamma as one plus what is learned. Ours: it acts
        once, on pooled vectors, and not in each layer of a conv net; each conditioned input has a
        gamma and a beta of its own; the mean of all inputs is taken, with a learned vector for
        none.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 4), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> FiLM(["a", "b"], 4, conditioner="b")(tokens).shape
        torch.Size([2, 4])
    """

    INTERACTS: ClassVar[bool] = True

    def __init__(
        self, inputs: Sequence[str], width: int, *, conditioner: str | None = None
    ) -> None:
        super().__init__(inputs, width)
        first = self.inputs[0] if conditioner is None else conditioner
        if first not in self.inputs:
            raise ConfigError(
                f"`conditioner` should be one of the inputs {list(self.inputs)}. Got {first!r}."
                f"{suggestion(first, self.inputs)}"
            )
        self.first = self.inputs.index(first)
        self.modulate = nn.ModuleList(
            nn.Linear(width, 2 * width) for _ in range(len(self.inputs) - 1)
        )
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        condition, given = means[:, self.first], there[:, self.first].unsqueeze(1)
        others = [i for i in range(len(self.inputs)) if i != self.first]
        parts = list(means.unbind(1))
        for i, modulate in zip(others, self.modulate, strict=True):
            gamma, beta = modulate(condition).where(given, 0.0).chunk(2, 1)
            parts[i] = (1 + gamma) * parts[i] + beta
        return mean_there(torch.stack(parts, 1), there, self.nothing)
