"""The geometric mean of the losses."""

from jaxtyping import Float
from torch import Tensor

from ._loss_balancer import LossBalancer
from ._step import Step


class Geometric(LossBalancer):
    """Minimize the geometric mean of the losses.

    The direction is that of :class:`Log`; the size follows the losses and shrinks with them, where
    that of ``Log`` grows. Use it for losses in different units, as that. Not where one loss can
    reach zero: it takes the pull of all others with it. Not for losses that can be negative.

    Args:
        tasks: The names of the tasks.

    Raises:
        ConfigError: While training, if a loss is not above zero.

    Source:
        Chennupati et al., *MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss Strategy
        for Multi-Task Learning*, CVPR Workshops 2019. It is computed in logarithms, so that the
        product of many losses neither over- nor underflows. The mean is that of the tasks that are
        there.

    Example:
        >>> import torch
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> weights = Geometric(["a", "b"]).backward({"a": 2 * w, "b": 8 * w})
        >>> round(float(weights["a"]), 6), round(float(weights["b"]), 6)
        (1.0, 0.25)
    """

    POSITIVE = True

    def total(self, step: Step) -> Float[Tensor, ""]:
        """The mean, by way of logarithms."""
        return step.losses.log().mean().exp()
