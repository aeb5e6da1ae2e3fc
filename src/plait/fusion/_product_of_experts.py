"""Answers weighted by how sure each input is."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from ._late import Late


class ProductOfExperts(Late):
    """The inputs' raw answers, each weighted by how sure it is of this row.

    Each input gives an answer ``a_i`` and a precision ``p_i > 0``; a prior expert answers zero with
    precision one. The product of the Gaussian densities ``N(y; a_i, 1 / p_i)`` of the inputs that
    are there, and of the prior's, is a Gaussian; its mean is the result:
    ``sum of p_i a_i / (1 + sum of p_j)``. For logits it is a log-linear pool: the inputs'
    probabilities, each to the power ``p_i / (1 + sum of p_j)``, multiplied and normalized. An
    unsure input draws little, and where all are unsure the answer goes back to the prior's zero.

    Use it where inputs fail now and then, or know much of some rows and little of others. Do not
    use it where the answer lies in how two inputs go together: each answers for itself.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Source:
        Hinton, *Training Products of Experts by Minimizing Contrastive Divergence*, 2002, and the
        Gaussian form with a prior expert and absent experts left out of Wu and Goodman,
        *Multimodal Generative Models for Scalable Weakly-Supervised Learning*, 2018
        (arXiv 1802.05335), section 2. Ours: it pools answers and not latent codes, gives the
        mean and no variance, and trains by the tasks' losses; one precision serves all outputs of
        a slot, and is the softplus of a linear map of the slot's vector.

    Example:
        >>> there = torch.tensor([[True, True, False]])
        >>> answers = torch.tensor([[[1.0], [3.0], [9.0]]])
        >>> module = ProductOfExperts(["a", "b"], 4)
        >>> _ = torch.nn.init.constant_(module.bias, 0.5413)  # softplus of it is one
        >>> module.join(answers, torch.zeros(1, 3, 4), there).tolist()  # (1 + 3 + 0) / 3
        [[1.3333...]]
    """

    def __init__(self, inputs: Sequence[str], width: int) -> None:
        super().__init__(inputs, width)
        slots = len(self.inputs) + 1
        self.weight = nn.Parameter(torch.randn(slots, width) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(slots))

    def join(
        self,
        answers: Float[Tensor, "batch slots outputs"],
        vectors: Float[Tensor, "batch slots width"],
        there: Bool[Tensor, "batch slots"],
    ) -> Float[Tensor, "batch outputs"]:
        """The mean of the product of the experts that are there and the prior."""
        vectors = vectors.where(there.unsqueeze(2), 0.0)
        precision = softplus((vectors * self.weight).sum(2) + self.bias).where(there, 0.0)
        total = (answers.where(there.unsqueeze(2), 0.0) * precision.unsqueeze(2)).sum(1)
        return total / (1 + precision.sum(1, keepdim=True))
