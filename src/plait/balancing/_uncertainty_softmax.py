"""Softmax of inverse losses."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ._base import Balancer
from ._loss_balancer import positive
from ._options import number
from ._step import Step


class UncertaintySoftmax(Balancer):
    """Weigh tasks by the softmax of one over their losses (UW-SO): smaller losses count more.

    Use it where :class:`Uncertainty` moves too slowly: nothing is learned, weights follow the
    losses at once. The temperature has to be tuned. Not where losses come in different units and
    there is no time for that; not for losses that can be negative. Weights have a sum of 1, so
    that the gradient is smaller than that of the sum.

    Args:
        tasks: The names of the tasks.
        temperature: High for weights that are nearly equal, low for one task that takes all.

    Raises:
        ConfigError: If the temperature is not above zero; while training, if a loss is not.

    Source:
        Kirchdorfer et al., *Analytical Uncertainty-Based Loss Weighting in Multi-Task Learning*,
        arXiv 2408.07985, UW-SO. The paper tunes the temperature for each data set and names no
        default; ours is 1.

    Example:
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> balancer = UncertaintySoftmax(["a", "b"])
        >>> weights = balancer.backward({"a": 2 * w, "b": 2 * w})
        >>> float(weights["a"]), float(weights["b"])
        (0.5, 0.5)
    """

    def __init__(self, tasks: Sequence[str], *, temperature: float = 1.0) -> None:
        super().__init__(tasks)
        self.temperature = number("UncertaintySoftmax", "temperature", temperature, 1e-12)

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The softmax, of numbers that are kept finite.

        Raises:
            ConfigError: If a loss is not above zero.
        """
        positive(self, step)
        most = torch.finfo(step.losses.dtype).max
        return (1 / (self.temperature * step.losses)).clamp(max=most).softmax(0)
