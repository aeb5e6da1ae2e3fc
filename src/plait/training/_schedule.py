"""How fast to learn, and what to hold back."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

Tensors = list[Tensor] | tuple[Tensor, ...]


def pace(progress: float, warmup: float) -> float:
    """The share of the highest learning rate: up in a straight line, down along a cosine.

    Args:
        progress: How much of the training is done, 0 to 1.
        warmup: The share of it in which the rate rises.

    Example:
        >>> [round(pace(p, 0.1), 2) for p in (0.0, 0.05, 0.1, 0.55, 1.0)]
        [0.01, 0.5, 1.0, 0.5, 0.01]
    """
    if progress < warmup:
        return max(0.01, progress / warmup)
    done = min(1.0, (progress - warmup) / (1 - warmup))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


def parameter_groups(modules: Iterable[nn.Module], weight_decay: float) -> list[dict]:
    """Weights that decay, and those that do not: biases, norms, embeddings and lone vectors."""
    decay: dict[int, nn.Parameter] = {}
    spare: dict[int, nn.Parameter] = {}
    for root in modules:
        for module in root.modules():
            looked_up = isinstance(module, nn.Embedding | nn.EmbeddingBag)
            for parameter in module.parameters(recurse=False):
                matrix = parameter.ndim > 1 and not looked_up
                (decay if matrix else spare)[id(parameter)] = parameter
    # A matrix that is looked up here and multiplied there is one parameter: it is spared.
    decay = {key: parameter for key, parameter in decay.items() if key not in spare}
    return [
        {"params": list(decay.values()), "weight_decay": weight_decay},
        {"params": list(spare.values()), "weight_decay": 0.0},
    ]


def follow(average: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """The rule by which averaged weights follow the trained ones.

    The average starts as the weights themselves and slows down over its first steps, so that a
    short training is not held back by where it began.
    """

    @torch.no_grad()
    def update(averaged: Tensors, current: Tensors, steps: Tensor | int) -> None:
        keep = min(average, (1 + int(steps)) / (10 + int(steps)))
        torch._foreach_lerp_(averaged, current, 1 - keep)

    return update
