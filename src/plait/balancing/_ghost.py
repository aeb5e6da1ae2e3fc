"""Gradients that are never written out."""

import torch
from jaxtyping import Float
from torch import Tensor

from ._row_groups import RowGroups


class Ghost:
    """The gradients of one weight that were never written out: two factors with rows.

    Args:
        leaf: The weight.
        left: The factor whose columns are those of the weight's first axis.
        right: The other.
        groups: The loss of each row.
    """

    def __init__(self, leaf: Tensor, left: Tensor, right: Tensor, groups: RowGroups) -> None:
        self.leaf, self.left, self.right, self.groups = leaf, left, right, groups

    def gramian(self) -> Float[Tensor, "tasks tasks"]:
        """The inner products of the gradients of all losses."""
        left, right = self._factors()
        pairs = (left @ left.T).mul_(right @ right.T)
        mask = self.groups.mask(pairs.dtype)
        return (mask @ pairs @ mask.T).double()

    def mix(self, weights: Float[Tensor, " tasks"]) -> Tensor:
        """The weighted gradient, in one product.

        Args:
            weights: Of the losses.
        """
        left, right = self._factors()
        return (left * self.groups.weigh(weights.to(left))).T @ right

    def _factors(self) -> tuple[Tensor, Tensor]:
        """Both, of half precision in float32."""
        if self.left.dtype in (torch.float16, torch.bfloat16):
            return self.left.float(), self.right.float()
        return self.left, self.right
