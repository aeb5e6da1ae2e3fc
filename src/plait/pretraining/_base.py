"""What every contrastive loss promises."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import normalize


class Contrast(nn.Module, ABC):
    """Two vectors a row to one number: how badly each finds its partner among those of other rows.

    All options of a leaf are keyword-only and have a default. What it learns (a temperature) is a
    parameter, and is thrown away with the loss when pre-training is over.

    Shapes:
        - in: two of float ``[batch, size]``, and bool ``[batch, batch]``.
        - out: float, a scalar.
    """

    def forward(
        self,
        one: Float[Tensor, "batch size"],
        other: Float[Tensor, "batch size"],
        against: Bool[Tensor, "batch batch"],
    ) -> Float[Tensor, ""]:
        """The mean loss of the rows that have both vectors; 0 where there are fewer than two.

        Args:
            one: The first vector of each row, of any length.
            other: The second.
            against: Which ``other`` (column) each ``one`` (row) is held against. The diagonal says
                which rows have both vectors, and no other row may be held against anything.
        """
        there = against.diagonal()
        exact = torch.promote_types(one.dtype, torch.float32)
        with torch.autocast(one.device.type, enabled=False):
            first, second = (
                normalize(each.to(exact).where(there.unsqueeze(1), 1.0)) for each in (one, other)
            )
            errors = self.errors(first @ second.T, against)
        count = there.sum()
        mean = errors.where(there, 0.0).sum() / count.clamp(min=1)
        return mean.where(count > 1, 0.0)

    @abstractmethod
    def errors(
        self, cosines: Float[Tensor, "batch batch"], against: Bool[Tensor, "batch batch"]
    ) -> Float[Tensor, " batch"]:
        """The error of each row; finite also where the diagonal of ``against`` is false.

        Args:
            cosines: Of each ``one`` (row) and each ``other`` (column).
            against: Which of them count.
        """
