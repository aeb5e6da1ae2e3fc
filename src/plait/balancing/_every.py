"""Weights found in some steps, and held in between."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from ._inner import Of
from ._options import whole
from ._step import Step
from ._wrapper import Wrapper


class Every(Wrapper):
    """Find weights in one step out of several, and hold them in between.

    Use it around methods that look at gradients: a step in which weights are held costs one
    backward pass, so that with 10 steps most of the price is gone. Weights change slowly, and
    little is lost. Not around methods that look at losses alone, which cost nothing anyway.
    ``plait.balancing.backward(every=...)`` does the same for one call.

    Args:
        tasks: The names of the tasks.
        steps: In how many steps weights are found once. A task that is new is weighed at once.
        of: The method that finds them; see :class:`Wrapper`.

    Raises:
        ConfigError: If ``steps`` is not 1 or more, or the method changes the gradient itself.

    Source:
        Navon et al., *Multi-Task Learning as a Bargaining Game*, ICML 2022, who do so for their
        method; PSMGD, arXiv 2412.10961, for MGDA and others. No deviation.

    Example:
        >>> import torch
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> balancer = Every(["a", "b"], steps=10, of="UPGrad")
        >>> weights = balancer.backward({"a": 3 * w[0], "b": w[1] - w[0]})
        >>> w.grad
        tensor([0.7500, 1.2500])
        >>> balancer.due()  # not before step 10
        False
    """

    HOLDS = True

    def __init__(self, tasks: Sequence[str], *, steps: int = 10, of: Of = "UPGrad") -> None:
        super().__init__(tasks, of=of)
        self.interval = whole("Every", "steps", steps, 1)

    def due(self) -> bool:
        """Whether the step is one of those, and the method inside agrees."""
        return self.steps % self.interval == 0 and super().due()

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """Those of the method inside."""
        weights = self.ask(step)
        self.held.copy_(self.inner.held)  # of absent tasks too: `Freeze` settles all at once
        return weights
