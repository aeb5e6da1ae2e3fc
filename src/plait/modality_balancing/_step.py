"""The losses of a step, from several views of the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

View = tuple[str, ...]
"""The inputs that are looked at, by name."""


@dataclass(frozen=True)
class ViewLosses:
    """A table of losses: views in one direction, tasks in the other.

    A task that has no labelled row in a view is left out of it; so is a view that has no task.

    Args:
        losses: For each view and task a scalar, the mean over the labelled rows of which the view
            shows anything.
        trust: For each view and task the mean of ``exp(-error)`` over the same rows, without a
            graph: for a classification the probability that was given to the right class.
    """

    losses: Mapping[View, Mapping[str, Tensor]]
    trust: Mapping[View, Mapping[str, Tensor]] = field(default_factory=dict)
