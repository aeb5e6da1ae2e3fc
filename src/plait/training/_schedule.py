"""How fast to learn, and what to hold back."""

import math
from collections.abc import Iterable

from torch import nn

from plait.modalities._calm import EASE, Calm
from plait.modalities._pretrained import Pretrained


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
    """Weights that decay, and those that do not: biases, norms, embeddings and lone vectors.

    Weights that are not trained are in no group. The ``"pace"`` of a group is the share of the
    learning rate that it takes: less than 1 for :class:`Pretrained` modules. The weights of
    :class:`Calm` layers are a group of their own, where there are any.
    """
    decay: dict[int, nn.Parameter] = {}
    spare: dict[int, nn.Parameter] = {}
    calm: dict[int, nn.Parameter] = {}
    paces: dict[int, float] = {}
    for root in modules:
        for module in root.modules():
            if isinstance(module, Pretrained):
                paces |= module.paces()
            looked_up = isinstance(module, nn.Embedding | nn.EmbeddingBag)
            for parameter in module.parameters(recurse=False):
                matrix = parameter.ndim > 1 and not looked_up
                kind = calm if matrix and isinstance(module, Calm) else decay if matrix else spare
                kind[id(parameter)] = parameter
    # A matrix that is looked up here and multiplied there is one parameter: it is spared.
    calm = {key: parameter for key, parameter in calm.items() if key not in spare}
    decay = {key: each for key, each in decay.items() if key not in spare and key not in calm}
    groups: list[dict] = []
    for part, rate in ((decay, weight_decay), (spare, 0.0)):
        trained = {key: each for key, each in part.items() if each.requires_grad}
        # New weights come first: the rate of the first group is the one that is shown.
        for share in sorted({1.0, *(paces.get(key, 1.0) for key in trained)}, reverse=True):
            found = [each for key, each in trained.items() if paces.get(key, 1.0) == share]
            groups.append({"params": found, "weight_decay": rate, "pace": share})
    eased = [each for each in calm.values() if each.requires_grad]
    if eased:
        groups.append({"params": eased, "weight_decay": 0.0, "pace": 1.0, "eps": EASE})
    return groups
