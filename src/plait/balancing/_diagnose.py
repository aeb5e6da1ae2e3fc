"""A diagnosis of weights as they are."""

from collections.abc import Iterable, Mapping
from typing import Literal

from torch import Tensor

from plait._errors import ConfigError

from ._diagnosis import Diagnosis
from ._findings import Findings


def diagnose(
    batches: Iterable[Mapping[str, Tensor]],
    *,
    at: Literal["features", "shared", "auto"] = "shared",
    rate: float = 1.0,
) -> Findings:
    """Say how several losses pull at shared weights, from a few batches without training.

    Weights stay as they are, so that what differs between batches is chance and nothing else:
    ``noise`` is then no bound but an estimate. To look on while weights change, take
    :class:`Diagnosis`.

    Args:
        batches: The losses of each batch by task, each with its own graph; a generator makes them
            one at a time. About 10 tell much.
        at: Where gradients are compared; ``noise`` is known at ``"shared"`` alone.
        rate: The learning rate, for the affinity between tasks.

    Raises:
        ConfigError: If there is no batch, or nothing is shared.
        ValueError: If a loss is no scalar or has no graph.

    Example:
        >>> import torch
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> found = diagnose({"a": 2 * w.sum(), "b": (w.sum() - 3) ** 2} for _ in range(4))
        >>> found.cosine[0][1], found.noise
        (-1.0, (0.0, 0.0))
    """
    watch: Diagnosis | None = None
    for losses in batches:
        # A task may be absent from the first batch: names are gathered on the way.
        watch = watch or Diagnosis(tuple(losses), at=at)
        watch.admit(losses)
        watch.look(losses)
    if watch is None:
        raise ConfigError("`diagnose` should have at least one batch of losses. Got none.")
    return watch.report(rate)
