"""The network part of numbers."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked


class NumericEncoder(nn.Module):
    r"""Lay out each number of a row, and turn all of them into one token by a linear layer.

    With edges :math:`e_0 < \dots < e_n`, the piecewise-linear layout of :math:`x` has the entries
    :math:`\min(1, \max(0, (x - e_{i-1}) / (e_i - e_{i-1})))`. The number itself is laid beside it,
    softly held within :math:`\pm 3`, and so is whether the cell is empty. An empty cell's entries
    are zero, and whatever stood in it has no effect on any value or gradient.

    Args:
        edges: The edges of each column's intervals, in scaled units, rising.
        width: Size of the token.
        embedding: ``"piecewise"``, ``"periodic"`` or ``"linear"``.
        frequencies: How many learned frequencies a column has, if periodic.

    Shapes:
        - in: ``values`` float ``[batch, columns]``, ``mask`` bool ``[batch, columns]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.

    Source:
        Gorishniy et al., *On Embeddings for Numerical Features in Tabular Deep Learning*, 2022
        (arXiv 2203.05556), sections 3.2 and 3.3; here with the ends held (numbers out of range do
        not run away), one token for all columns, and the number kept beside its layout.

    Example:
        >>> encode = NumericEncoder([(0.0, 1.0, 3.0)], width=8)
        >>> encode.layout(torch.tensor([[2.0]]), torch.tensor([[True]]))[0, :2].tolist()
        [1.0, 0.5]
    """

    low: Tensor
    step: Tensor
    used: Tensor

    def __init__(
        self,
        edges: Sequence[Sequence[float]],
        width: int,
        *,
        embedding: Literal["piecewise", "periodic", "linear"] = "piecewise",
        frequencies: int = 32,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        columns, size = len(edges), 0
        if embedding == "piecewise":
            bins = max(len(each) for each in edges) - 1
            low, step = torch.zeros(columns, bins), torch.ones(columns, bins)
            used = torch.zeros(columns, bins, dtype=torch.bool)
            for column, each in enumerate(edges):
                bounds = torch.tensor(each)
                count = len(each) - 1
                low[column, :count] = bounds[:-1]
                step[column, :count] = bounds.diff().clamp(min=1e-6)
                used[column, :count] = True
            size = int(used.sum())
        else:
            low, step = torch.zeros(columns, 0), torch.ones(columns, 0)
            used = torch.zeros(columns, 0, dtype=torch.bool)
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("step", step, persistent=False)
        self.register_buffer("used", used.flatten().nonzero()[:, 0], persistent=False)
        if embedding == "periodic":
            self.frequency = nn.Parameter(torch.randn(columns, frequencies) * 0.1)
            size = 2 * columns * frequencies
        self.project = nn.Linear(size + 2 * columns, width)

    def layout(
        self, values: Float[Tensor, "batch columns"], mask: Tensor
    ) -> Float[Tensor, "batch entries"]:
        """All entries of a row, side by side."""
        parts = []
        if self.embedding == "piecewise":
            reach = ((values.unsqueeze(2) - self.low) / self.step).clamp(0, 1)
            parts.append(reach.where(mask.unsqueeze(2), 0.0).flatten(1)[:, self.used])
        elif self.embedding == "periodic":
            angle = 2 * math.pi * self.frequency * values.unsqueeze(2)
            waves = torch.cat([angle.sin(), angle.cos()], 2)
            parts.append(waves.where(mask.unsqueeze(2), 0.0).flatten(1))
        held = values / (1 + (values / 3).square()).sqrt()
        return torch.cat([*parts, held.where(mask, 0.0), (~mask).to(values.dtype)], 1)

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        known = cells.values.where(cells.mask, 0.0)
        token = self.project(self.layout(known, cells.mask))
        return Masked(token.unsqueeze(1), cells.present.unsqueeze(1))
