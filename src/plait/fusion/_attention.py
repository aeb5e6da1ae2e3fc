"""A late transformer."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from plait._errors import ConfigError
from plait.data import Masked

from ._base import Fusion


class Attention(Fusion):
    """A small transformer over one learned query and the tokens of all inputs (the default).

    Each token is told which input it comes from. The result is the sum of all tokens that are
    there, plus the query's last state by a small learned gain: so a plain network over the inputs
    side by side is always within reach, and the blocks learn what goes beyond it. Absent tokens
    are left out of the sum and of every softmax; a row with nothing is answered by the query.

    Args:
        inputs: The names of the inputs.
        width: Size of a token and of the result; a multiple of ``heads``.
        layers: How many blocks.
        heads: How many heads each block has.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: for each input ``values`` float ``[batch, tokens, width]``, ``mask`` bool
          ``[batch, tokens]``.
        - out: float ``[batch, width]``.

    Raises:
        ConfigError: If ``width`` is not a multiple of ``heads``.

    Source:
        The blocks are those of Xiong et al., *On Layer Normalization in the Transformer
        Architecture*, 2020 (arXiv 2002.04745), pre-norm. Late fusion of one token per modality as
        in AutoGluon-Multimodal and in *Fusion or Confusion?*, 2025 (arXiv 2512.22991); the sum
        that is added is ours.

    Example:
        >>> tokens = {"a": Masked(torch.ones(2, 3, 8), torch.ones(2, 3).bool())}
        >>> Attention(["a"], 8)(tokens).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        inputs: Sequence[str],
        width: int,
        *,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(inputs, width)
        if heads < 1 or width % heads:
            raise ConfigError(
                f"`width` should be a multiple of `heads`. Got width={width} and heads={heads}. "
                "Choose another width, or other heads."
            )
        self.origin = nn.Parameter(torch.randn(len(self.inputs), width) * 0.02)
        self.query = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.gain = nn.Parameter(torch.full([width], 0.1))

    def forward(self, tokens: Mapping[str, Masked]) -> Float[Tensor, "batch width"]:
        """One vector per row."""
        parts = [tokens[name] for name in self.inputs]
        mask = torch.cat([part.mask for part in parts], 1)
        named = [part.values + self.origin[i] for i, part in enumerate(parts)]
        # Mask the operands: a hole times zero may still be NaN.
        values = torch.cat(named, 1).where(mask.unsqueeze(2), 0.0)
        query = self.query.expand(values.shape[0], 1, -1)
        states = torch.cat([query, values], 1)
        seen = torch.cat([torch.ones_like(mask[:, :1]), mask], 1)
        for block in self.blocks:
            states = block(states, seen)
        total = torch.cat([part.values for part in parts], 1).where(mask.unsqueeze(2), 0.0).sum(1)
        return total + self.gain * states[:, 0]


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
