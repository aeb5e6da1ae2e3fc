"""Sums, means and shares over what is there, written once."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plait.data import Masked


def mean_there(
    parts: Float[Tensor, "batch parts width"],
    there: Bool[Tensor, "batch parts"],
    nothing: Float[Tensor, " width"],
) -> Float[Tensor, "batch width"]:
    """The mean over the parts that are there; ``nothing`` where none is."""
    count = there.sum(1, keepdim=True)
    total = parts.where(there.unsqueeze(2), 0.0).sum(1)
    return (total / count.clamp(min=1)).where(count > 0, nothing)


def shares_there(
    scores: Float[Tensor, "batch parts"], there: Bool[Tensor, "batch parts"]
) -> Float[Tensor, "batch parts"]:
    """Softmax over the parts that are there; all zero where none is."""
    # The lowest number and not minus infinity: where nothing is there, that would make NaN.
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~there, lowest).softmax(1).where(there, 0.0)


def joined_there(
    tokens: Mapping[str, Masked], inputs: Sequence[str], origin: Float[Tensor, "inputs width"]
) -> tuple[Float[Tensor, "batch tokens width"], Bool[Tensor, "batch tokens"]]:
    """Tokens of all inputs end to end, each told where it comes from; zero where none is."""
    named = [tokens[name].values + origin[i] for i, name in enumerate(inputs)]
    mask = torch.cat([tokens[name].mask for name in inputs], 1)
    return torch.cat(named, 1).where(mask.unsqueeze(2), 0.0), mask
