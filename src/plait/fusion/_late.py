"""What every fusion at the level of decisions promises."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.data import Masked

from ._base import Fusion, pooled


class Late(Fusion):
    """Each input answers for itself; the answers are joined.

    A model runs all that comes after the fusion on each slot apart, and joins the raw outputs of
    all tasks side by side. There is one slot per input, and a last one that stands for "nothing is
    there", and is there in exactly those rows. Used as any other fusion, it joins the vectors.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``; of ``apart`` float ``[batch, inputs + 1, width]`` and bool
          ``[batch, inputs + 1]``.
    """

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__(inputs, width)
        self.own = nn.ModuleList(nn.Linear(width, width) for _ in self.inputs)
        self.nothing = nn.Parameter(torch.zeros(width))

    def apart(
        self, tokens: Mapping[str, Masked]
    ) -> tuple[Float[Tensor, "batch slots width"], Bool[Tensor, "batch slots"]]:
        """A vector for each input and one for nothing, and which of them are there."""
        means, there = pooled(tokens, self.inputs)
        vectors = [of(means[:, i]) for i, of in enumerate(self.own)]
        vectors.append(self.nothing.expand(means.shape[0], -1))
        return torch.stack(vectors, 1), torch.cat([there, ~there.any(1, keepdim=True)], 1)

    @abstractmethod
    def join(
        self,
        answers: Float[Tensor, "batch slots outputs"],
        vectors: Float[Tensor, "batch slots width"],
        there: Bool[Tensor, "batch slots"],
    ) -> Float[Tensor, "batch outputs"]:
        """One answer per row, from the answers of those slots that are there."""

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        vectors, there = self.apart(tokens)
        return self.join(vectors, vectors, there)
