"""NashMTL: the bargain between the tasks."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ._bargain import bargain
from ._gradient_balancer import GradientBalancer
from ._lcp import scaled, unscaled
from ._options import number
from ._step import Step


class NashMTL(GradientBalancer):
    """Take the Nash bargain: no task can gain more, in proportion, than the others lose.

    Use it where gradients differ in length: the length of none matters, only where it points, and
    the result always has the same length. So a learning rate has to fit it, and does for the whole
    training. Not near the end of a training in which gradients cancel: there is no bargain, and
    weights are zero.

    Args:
        tasks: The names of the tasks.
        max_norm: The length of the result, at most; without a bound it is the root of the number of
            tasks, and 0 is for none.
        at: Where gradients are compared; see :class:`GradientBalancer`.

    Raises:
        ConfigError: If ``max_norm`` is below zero.

    Source:
        Navon et al., *Multi-Task Learning as a Bargaining Game*, ICML 2022, arXiv 2202.01017,
        sections 3 and 4. The equation is solved to rounding, where the published code takes at
        most 20 rounds of a convex approximation by a solver. Each task's own weights follow its own
        loss, there the weighted one. Rare refreshes are ``every``. Where the weighted sum is a
        millionth of the sum of its parts or less, all weights are 0; a task whose gradient is zero
        has weight 0, and the others bargain.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = NashMTL(["a", "b"]).backward({"a": 300 * w[0], "b": w[1]})
        >>> w.grad
        tensor([0.7071, 0.7071])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        max_norm: float = 1.0,
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        self.max_norm = number("NashMTL", "max_norm", max_norm, 0.0)

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """``C x = 1 / x`` for the cosines ``C``, and ``x`` divided by the lengths."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        shares = bargain(cosines, torch.ones_like(lengths), 1.0)
        if self.max_norm:
            there = (shares * (lengths > 0)).to(cosines)
            norm = (there @ cosines @ there).sqrt()
            shares = shares * torch.where(norm > self.max_norm, self.max_norm / norm, 1.0)
        return unscaled(shares, lengths)
