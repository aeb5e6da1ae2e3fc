"""What a balancer sees of a step."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Step:
    """The tasks that are there in a step, and what is known of them; absent ones are not in it.

    Shapes:
        losses: ``[present]``, float64: the loss of each task, without a graph.
        index: ``[present]``, int64: which of the balancer's tasks they are, in rising order.
        gramian: ``[present, present]``, float64: the inner products of the tasks' gradients;
            None where only losses are asked for.
        rows: ``[present, numbers]``: the gradients themselves; None but for methods that need
            them.
    """

    losses: Float[Tensor, " present"]
    index: Int[Tensor, " present"]
    gramian: Float[Tensor, "present present"] | None = None
    rows: Float[Tensor, "present numbers"] | None = None
