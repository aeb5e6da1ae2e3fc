"""The mean of the inputs' answers."""

from jaxtyping import Bool, Float
from torch import Tensor

from ._late import Late


class LateMean(Late):
    """The mean of the raw answers that each input gives by itself.

    For a classification that is the geometric mean of the inputs' probabilities, normalized. Use it
    as the baseline of all fusion, and where each input alone says nearly all. It cannot see two
    inputs together, and one that knows nothing has as much say as one that knows all: for that see
    :class:`~plait.fusion.ProductOfExperts`.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Source:
        The sum rule on logits; Kittler et al., *On Combining Classifiers*, 1998, section 2, gives
        the rules of combination. Ours: the mean is over the inputs that are there, all inputs
        share one head, and a learned vector stands for a row with nothing.

    Example:
        >>> import torch
        >>> there = torch.tensor([[True, True, False], [True, False, False]])
        >>> answers = torch.tensor([[[1.0], [3.0], [9.0]], [[1.0], [3.0], [9.0]]])
        >>> LateMean(["a", "b"], 4).join(answers, torch.zeros(2, 3, 4), there).tolist()
        [[2.0], [1.0]]
    """

    def join(
        self,
        answers: Float[Tensor, "batch slots outputs"],
        vectors: Float[Tensor, "batch slots width"],
        there: Bool[Tensor, "batch slots"],
    ) -> Float[Tensor, "batch outputs"]:
        """The mean of the answers that are there."""
        total = answers.where(there.unsqueeze(2), 0.0).sum(1)
        return total / there.sum(1, keepdim=True).clamp(min=1)
