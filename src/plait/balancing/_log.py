"""The sum of the logarithms of the losses."""

from jaxtyping import Float
from torch import Tensor

from ._loss_balancer import LossBalancer
from ._step import Step


class Log(LossBalancer):
    """Add up the logarithms of the losses: each is weighed by one over itself.

    Use it where losses come in different units: a loss that is multiplied by a number pulls as
    before, and a halved loss counts as much for one task as for another. Not where a loss can
    come near zero, as the training loss of a task that is learned by heart: its weight then grows
    without bound. Not for losses that can be negative.

    Args:
        tasks: The names of the tasks.

    Raises:
        ConfigError: While training, if a loss is not above zero.

    Source:
        The scale-invariant baseline ("SI") of Navon et al., *Multi-Task Learning as a Bargaining
        Game*, ICML 2022. No deviation.

    Example:
        >>> import torch
        >>> w = torch.tensor(1.0, requires_grad=True)
        >>> weights = Log(["a", "b"]).backward({"a": 2 * w, "b": 8 * w})
        >>> float(weights["a"]), float(weights["b"]), float(w.grad)
        (0.5, 0.125, 2.0)
    """

    POSITIVE = True

    def total(self, step: Step) -> Float[Tensor, ""]:
        """The sum of the logarithms."""
        return step.losses.log().sum()
