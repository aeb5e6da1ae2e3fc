"""What a balancer did in a step."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class Report:
    """What the last step of a balancer was made of; all numbers stay on their device.

    Args:
        tasks: The tasks that were there.
        weights: What each was given.
        gramian: The inner products of their gradients, where they were computed in this step.
        skipped: Tasks whose loss was not finite; they pulled at nothing.
        fallback: Why ``rows`` spared no passes in this step; nothing where it did, or was not said.
    """

    tasks: tuple[str, ...]
    weights: Float[Tensor, " present"]
    gramian: Float[Tensor, "present present"] | None = None
    skipped: tuple[str, ...] = ()
    fallback: str = ""

    @property
    def cosines(self) -> Float[Tensor, "present present"] | None:
        """The cosine between the gradients of each two tasks; 0 where one is zero."""
        if self.gramian is None:
            return None
        length = self.gramian.diagonal().clamp(min=0).sqrt()
        return self.gramian / (length.outer(length) + torch.finfo(length.dtype).tiny)

    @property
    def conflicts(self) -> Float[Tensor, ""] | None:
        """The share of pairs of tasks whose gradients point away from each other."""
        cosines = self.cosines
        if cosines is None:
            return None
        pairs = len(cosines) * (len(cosines) - 1)
        return (cosines < 0).sum() / max(pairs, 1)

    @property
    def stationary(self) -> Bool[Tensor, ""] | None:
        """Whether the weighted gradients cancel: no step is good for all, to the rounding.

        True where the weighted sum is a millionth of the sum of the lengths or less.
        """
        if self.gramian is None:
            return None
        length = self.gramian.diagonal().clamp(min=0).sqrt() @ self.weights.abs()
        return self.weights @ self.gramian @ self.weights <= (1e-6 * length).square()
