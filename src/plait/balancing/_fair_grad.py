"""FairGrad: each task's progress by its fair share."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._bargain import bargain
from ._gradient_balancer import GradientBalancer
from ._lcp import scaled, unscaled
from ._options import number
from ._step import Step


class FairGrad(GradientBalancer):
    """Share out progress by alpha-fairness, from the most in all to the most for the last.

    Use it as ``NashMTL`` with a dial: a larger ``alpha`` gives more to the task that gains least.
    At 1 it is the Nash bargain, and lengths of gradients do not matter. Not with gradients of very
    different lengths and another ``alpha``: lengths then matter.

    Args:
        tasks: The names of the tasks.
        alpha: How much the task that gains least counts; above 0.
        at: Where gradients are compared; see :class:`GradientBalancer`.

    Raises:
        ConfigError: If ``alpha`` is not above 0.

    Source:
        Ban and Ji, *Fair Resource Allocation in Multi-Task Learning*, ICML 2024, arXiv 2402.15638,
        section 4. The equation is solved to rounding, where the published code takes a least
        squares solver of scipy. Each task's own weights follow its own loss. Where the weighted
        sum is a millionth of the sum of its parts or less, all weights are 0; a task whose
        gradient is zero has weight 0, and the others share.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = FairGrad(["a", "b"], alpha=1.0).backward({"a": 300 * w[0], "b": w[1]})
        >>> w.grad
        tensor([1., 1.])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        alpha: float = 1.0,
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        self.alpha = number("FairGrad", "alpha", alpha, 0.0)
        if self.alpha == 0:
            raise ConfigError(
                "`alpha` of FairGrad should be above 0. Got 0, which is the plain sum: take `Sum`."
            )

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """``G w = w ** (-1 / alpha)``, in units of each gradient's own length."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        # In units of the longest; what that does to the weights is undone at the end.
        longest = lengths.amax()
        longest = torch.where(longest > 0, longest, 1.0)
        relative = torch.where(lengths > 0, lengths / longest, 1.0)
        power = 1 / self.alpha
        shares = bargain(cosines, relative ** (power - 1), power)
        return unscaled(shares, lengths / longest) * longest ** (-2 / (1 + power))
