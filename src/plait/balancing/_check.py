"""Losses that cannot be compared."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from plait._errors import suggestion


def check(owner: str, tasks: Sequence[str], losses: Any) -> None:
    """Refuse losses that cannot be balanced or compared.

    Args:
        owner: Who is to do it.
        tasks: The names it knows.
        losses: What it was given, which may be anything.

    Raises:
        ValueError: If they are no dict, a task is not one of these, or a loss is no scalar tensor
            or has no graph.
    """
    if not isinstance(losses, Mapping):
        raise ValueError(
            f"{owner} should be given a dict of losses by task, {{{tasks[0]!r}: ...}}. Got a "
            f"{type(losses).__name__}."
        )
    for name, loss in losses.items():
        if name not in tasks:
            raise ValueError(
                f"{owner} is for the tasks {list(tasks)}. Got a loss for {name!r}."
                f"{suggestion(name, tasks)}"
            )
        if not isinstance(loss, Tensor):
            raise ValueError(
                f"The loss of {name!r} should be a tensor with a graph for {owner}. Got a "
                f"{type(loss).__name__}. Leave out a task without a label."
            )
        if loss.numel() != 1:
            raise ValueError(
                f"The loss of {name!r} should be a scalar for {owner}. Got a tensor of shape "
                f"{list(loss.shape)}. Take its mean over the rows."
            )
        if not loss.requires_grad:
            raise ValueError(
                f"The loss of {name!r} should depend on weights that are trained, for {owner}. "
                "It has no graph: was it detached, or computed under `torch.no_grad`? Leave out a "
                "task without a label."
            )
