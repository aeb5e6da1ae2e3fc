"""Each number comes from one input."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait._errors import ConfigError, suggestion
from plait.data import Masked

from ._base import Fusion, pooled


class EmbraceNet(Fusion):
    """Each number of the result is copied from one input that is there, by lot in training.

    What is learned can so not lean on any one input. Outside of training the result is what the
    lots give on average, so that two calls agree. Use it where inputs fail often and each alone
    says much. Do not use it where inputs act together: on average it is a weighted sum.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.
        probabilities: For some inputs by name, how likely they are drawn, relative to the others;
            those left out have 1.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If ``probabilities`` names no input, or holds a number that is not positive.

    Source:
        Choi and Lee, *EmbraceNet: A robust deep learning architecture for multimodal
        classification*, 2019 (arXiv 1904.09078), section 3: docking layers (linear, ReLU), and a
        multinomial choice per number, by probabilities that are shared out among the inputs that
        are there. Ours: the average in place of a choice outside of training, and a learned
        vector for a row with nothing. The lots come from torch's own generator, as dropout's do.

    Example:
        >>> tokens = {n: Masked(torch.ones(2, 3, 4), torch.ones(2, 3).bool()) for n in ("a", "b")}
        >>> EmbraceNet(["a", "b"], 4)(tokens).shape
        torch.Size([2, 4])
    """

    odds: Tensor

    def __init__(
        self,
        inputs: Sequence[str],
        width: int,
        *,
        probabilities: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(inputs, width)
        given = dict(probabilities or {})
        for name, value in given.items():
            if name not in self.inputs:
                raise ConfigError(
                    f"`probabilities` should name inputs, of {list(self.inputs)}. Got {name!r}."
                    f"{suggestion(name, self.inputs)}"
                )
            if not 0 < value < float("inf"):
                raise ConfigError(
                    f"`probabilities` should be positive numbers. Got {value} for {name!r}. To "
                    "leave an input out, declare it as ignored."
                )
        self.dock = nn.ModuleList(nn.Linear(width, width) for _ in self.inputs)
        self.register_buffer("odds", torch.tensor([given.get(n, 1.0) for n in self.inputs]))
        self.nothing = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        means, there = pooled(tokens, self.inputs)
        docked = torch.stack([of(means[:, i]) for i, of in enumerate(self.dock)], 1).relu()
        odds = (self.odds * there).unsqueeze(2)
        if self.training:
            # A race of exponential clocks: each input is first as often as its odds say.
            clocks = torch.empty_like(docked).exponential_()
            first = (odds / clocks).argmax(1, keepdim=True)
            total = docked.gather(1, first)[:, 0]
        else:
            shares = odds / odds.sum(1, keepdim=True).clamp(min=1e-9)
            total = (docked * shares).sum(1)
        return total.where(there.any(1, keepdim=True), self.nothing)
