"""DualProj: the mean gradient projected to where no loss rises."""

from collections.abc import Mapping, Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from ._gradient_balancer import GradientBalancer
from ._lcp import complementary, scaled, unscaled
from ._options import TINY, preferences
from ._step import Step


class DualProj(GradientBalancer):
    """Project the mean gradient to where no loss rises.

    Use it to stay as near to the plain mean as can be without trading one loss for another: with
    no conflict it is the mean. Not where gradients differ much in length: the longest one leads.
    ``UPGrad`` gives each task a say of its own.

    Args:
        tasks: The names of the tasks.
        preference: How much the gradient of each task counts in the mean; one that is not named
            has 1.
        at: Where gradients are compared; see :class:`GradientBalancer`.

    Raises:
        ConfigError: If a preference is below zero or of no task, or all are zero.

    Source:
        Lopez-Paz and Ranzato, *Gradient Episodic Memory for Continual Learning*, NeurIPS 2017,
        section 3, where the mean is that of the new task; named as by Quinton and Rey, arXiv
        2406.16232. Exact, where the published code adds a margin of 0.5 and a ridge of 1e-3.

    Example:
        >>> import torch
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = DualProj(["a", "b"]).backward({"a": 3 * w[0], "b": w[1] - w[0]})
        >>> w.grad
        tensor([0.7500, 0.7500])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        preference: Mapping[str, float] | None = None,
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        self.preference = preferences(tasks, "DualProj", preference)

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The mean, and the least that has to be added to it."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        wanted = step.losses.new_tensor(self.preference)[step.index]
        mean = wanted / wanted.sum().clamp(min=TINY) * lengths
        return unscaled(mean + complementary(cosines, -(cosines @ mean)[None])[0], lengths)
