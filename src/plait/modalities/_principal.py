"""A long vector in the few numbers that tell training rows apart."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data import Masked

ROWS, LEAST, MOST = 25, 8, 64
"""How many rows there have to be for each number that is left, and how many of these there are."""


class Principal(nn.Module):
    """The vector of each row, in a few numbers along which the training rows differ most.

    A frozen encoder gives a thousand numbers of a cell, and a layer over so many knows a few
    hundred rows by heart. Their principal components say most of what tells them apart, whatever
    the question, and nothing of them is learned from the answers. Use it where rows are few; from
    thousands, a plain layer learns more.

    Numbers are brought to one scale first. The first component has a deviation of 1, the others
    as much less as they say less, and so weigh less.

    Args:
        size: Size of a vector.
        width: Size of the token.
        rows: How many training rows there are: one number is left for 25 of them.
        dropout: The share of the numbers that a training step does not see.

    Shapes:
        - in: ``values`` float ``[batch, size]``, ``mask`` bool ``[batch]``.
        - out: ``values`` float ``[batch, 1, width]``, ``mask`` bool ``[batch, 1]``.

    Source:
        Hotelling, "Analysis of a complex of statistical variables into principal components", 1933.

    Example:
        >>> layer = Principal(3, 4, rows=50)
        >>> layer.settle(torch.tensor([[0.0, 0.0, 5.0], [1.0, 2.0, 5.0], [2.0, 4.0, 5.0]]))
        >>> layer.short(torch.tensor([[2.0, 4.0, 5.0]])).abs().round(decimals=3)
        tensor([[1.2250, 0.0000, 0.0000]])
    """

    middle: Tensor
    scale: Tensor
    ways: Tensor
    settled: Tensor

    def __init__(self, size: int, width: int, *, rows: int, dropout: float = 0.2) -> None:
        super().__init__()
        count = min(size, max(LEAST, min(MOST, rows // ROWS)))
        self.register_buffer("middle", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        # Until rows are seen, some of the directions there are.
        draw = torch.randn(size, count, generator=torch.Generator().manual_seed(0))
        self.register_buffer("ways", torch.linalg.qr(draw).Q.contiguous())
        self.register_buffer("settled", torch.tensor(False))
        self.drop = nn.Dropout(dropout)
        self.project = nn.Linear(count, width)
        self.gain = nn.Parameter(torch.tensor(GAIN))

    @torch.no_grad()
    def settle(self, vectors: Float[Tensor, "rows size"]) -> None:
        """Take the directions from the training rows; a second time changes nothing.

        Args:
            vectors: What the encoder gave for them.
        """
        if self.settled or len(vectors) < 2:
            return
        exact = vectors.double()
        middle, scale = exact.mean(0), exact.std(0, correction=0)
        # What is the same in all rows says nothing, and must not be divided by nothing.
        scale = scale.where(scale > 1e-6 * scale.max().clamp(min=1e-30), torch.inf)
        _, long, ways = torch.linalg.svd((exact - middle) / scale, full_matrices=False)
        count = self.ways.shape[1]
        # One of two opposite signs, so that the same rows make the same model.
        signs = ways.gather(1, ways.abs().argmax(1, keepdim=True)).sign()
        deviation = (long[:1] / len(vectors) ** 0.5).clamp(min=1e-12)
        chosen = (ways * signs / deviation)[:count].T
        self.ways.zero_()[:, : chosen.shape[1]] = chosen.to(self.ways)
        self.middle.copy_(middle)
        self.scale.copy_(scale)
        self.settled.fill_(True)

    def short(self, vectors: Float[Tensor, "batch size"]) -> Float[Tensor, "batch count"]:
        """The few numbers of each vector."""
        return (vectors - self.middle) / self.scale @ self.ways

    def forward(self, cells: Masked) -> Masked:
        """One token per row."""
        vectors = cells.values.masked_fill(~cells.mask.unsqueeze(1), 0.0)
        token = self.gain * self.project(self.drop(self.short(vectors)))
        return Masked(token.unsqueeze(1), cells.mask.unsqueeze(1))


GAIN = 0.1
"""How softly a token starts, beside those of other inputs."""
