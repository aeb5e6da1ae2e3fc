"""A transformer block."""

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Block(nn.Module):
    """One pre-norm transformer block that honors a mask."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attend_norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.think_norm = nn.LayerNorm(width)
        self.think = nn.Sequential(
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, states: Tensor, seen: Tensor) -> Tensor:
        """New states of the same shape; positions that are not seen have no say."""
        batch, length, width = states.shape
        project = self.project(self.attend_norm(states))
        shape = (batch, length, 3, self.heads, width // self.heads)
        query, key, value = project.view(shape).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None, None])
        states = states + self.drop(self.out(mixed.transpose(1, 2).flatten(2)))
        return states + self.drop(self.think(self.think_norm(states)))
