"""A question of each task to the tokens."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from plait._errors import ConfigError
from plait.data import Masked

from ._base import Sharing
from ._options import at_least


class TaskQueries(Sharing):
    """A learned query per task looks at the tokens of all inputs by cross-attention.

    The features of the row are one more token, and are added to what a task has found: a plain
    shared vector is always within reach. Use it when tasks look at different inputs, or different
    places of one (words, patches, steps). Not with one token per input and related tasks, where
    there is nothing to look for.

    Args:
        tasks: The names of the tasks.
        width: Size of a vector, in and out; a multiple of ``heads``.
        layers: How many blocks of attention.
        heads: How many heads each block has.
        dropout: Share of hidden units that are dropped in training.

    Shapes:
        - in: float ``[batch, width]``; of tokens, which may be left out, ``values`` float
          ``[batch, tokens, width]`` and ``mask`` bool ``[batch, tokens]``.
        - out: float ``[batch, width]`` for each task.

    Raises:
        ConfigError: If ``width`` is not a multiple of ``heads``, or ``layers`` is below 1.

    Source:
        Queries that are learned and read a set by cross-attention: Lee et al., *Set Transformer*,
        2019 (arXiv 1810.00825), section 3.2 (PMA); one for each task, as in Ye and Xu, *Inverted
        Pyramid Multi-task Transformer*, 2022 (arXiv 2203.07997). The blocks are pre-norm, as in
        Xiong et al., 2020 (arXiv 2002.04745). Ours: tasks do not look at each other, so that one
        may be added or taken away; the features are a token, and are added to the result.

    Example:
        >>> import torch
        >>> words = Masked(torch.randn(5, 7, 8), torch.ones(5, 7).bool())
        >>> features = TaskQueries(["price", "sold"], 8)(torch.randn(5, 8), words)
        >>> {name: list(part.shape) for name, part in features.items()}
        {'price': [5, 8], 'sold': [5, 8]}
    """

    TOKENS: ClassVar[bool] = True

    def __init__(
        self,
        tasks: Sequence[str],
        width: int,
        *,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(tasks, width)
        if heads < 1 or width % heads:
            raise ConfigError(
                f"`width` should be a multiple of `heads`. Got width={width} and heads={heads}. "
                "Choose another width, or other heads."
            )
        self.queries = nn.Parameter(torch.randn(len(self.tasks), width) * 0.02)
        self.origin = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(
            Look(width, heads, dropout) for _ in range(at_least(1, "layers", layers))
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, features: Float[Tensor, "batch width"], tokens: Masked | None = None
    ) -> dict[str, Float[Tensor, "batch width"]]:
        """The features, and what each task has found among the tokens."""
        seen = (features + self.origin).unsqueeze(1)
        mask = torch.ones_like(seen[..., 0], dtype=torch.bool)
        if tokens is not None:
            # Mask the operands: a hole times zero may still be NaN.
            seen = torch.cat([seen, tokens.values.where(tokens.mask.unsqueeze(2), 0.0)], 1)
            mask = torch.cat([mask, tokens.mask], 1)
        states = self.queries.expand(features.shape[0], -1, -1)
        for block in self.blocks:
            states = block(states, seen, mask)
        return self.named(self.norm(features.unsqueeze(1) + states).transpose(0, 1))


class Look(nn.Module):
    """One pre-norm block of cross-attention that honors a mask."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.ask_norm = nn.LayerNorm(width)
        self.seen_norm = nn.LayerNorm(width)
        self.ask = nn.Linear(width, width)
        self.show = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )
        self.drop = nn.Dropout(dropout)

    def forward(
        self,
        states: Float[Tensor, "batch queries width"],
        seen: Float[Tensor, "batch tokens width"],
        mask: Bool[Tensor, "batch tokens"],
    ) -> Float[Tensor, "batch queries width"]:
        """New states; tokens that are not there have no say."""
        query = self._apart(self.ask(self.ask_norm(states)))
        key, value = self.show(self.seen_norm(seen)).chunk(2, 2)
        mixed = scaled_dot_product_attention(
            query, self._apart(key), self._apart(value), attn_mask=mask[:, None, None]
        )
        states = states + self.drop(self.out(mixed.transpose(1, 2).flatten(2)))
        return states + self.drop(self.think(states))

    def _apart(self, values: Tensor) -> Tensor:
        return values.unflatten(2, (self.heads, -1)).transpose(1, 2)
