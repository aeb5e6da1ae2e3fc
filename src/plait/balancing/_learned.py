"""Numbers that a balancer learns, one for each task."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ._places import places
from ._step import Step


def learned(tasks: Sequence[str], start: float) -> nn.ParameterList:
    """A parameter of its own for each task: an optimizer leaves alone what has no gradient.

    In one tensor for all, momentum would move the number of a task that is absent.

    Args:
        tasks: The names of the tasks.
        start: What each begins with.
    """
    return nn.ParameterList([nn.Parameter(torch.tensor(start)) for _ in tasks])


def present(numbers: nn.ParameterList, step: Step) -> Float[Tensor, " present"]:
    """Those of the tasks that are there.

    Args:
        numbers: One for each task.
        step: What is known of the step.
    """
    return torch.stack([numbers[place] for place in places(step, len(numbers))]).double()
