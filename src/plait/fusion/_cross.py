"""A block in which states look at the tokens of others."""

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Cross(nn.Module):
    """One pre-norm cross-attention block that honors a mask.

    Where none of the others is seen, they add nothing but a bias.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attend_norm = nn.LayerNorm(width)
        self.other_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.project = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.think_norm = nn.LayerNorm(width)
        self.think = nn.Sequential(
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, states: Tensor, others: Tensor, seen: Tensor) -> Tensor:
        """New states of the same shape; others that are not seen have no say."""
        batch, length, width = states.shape
        size = width // self.heads
        query = self.query(self.attend_norm(states)).view(batch, length, self.heads, size)
        project = self.project(self.other_norm(others))
        key, value = project.view(batch, others.shape[1], 2, self.heads, size).permute(
            2, 0, 3, 1, 4
        )
        any_seen = seen.any(1)[:, None, None, None]
        # A softmax over nothing is NaN: there all are looked at, and what comes of it is left out.
        mixed = scaled_dot_product_attention(
            query.transpose(1, 2), key, value, attn_mask=seen[:, None, None] | ~any_seen
        ).where(any_seen, 0.0)
        states = states + self.drop(self.out(mixed.transpose(1, 2).flatten(2)))
        return states + self.drop(self.think(self.think_norm(states)))
