"""PCGrad: each gradient freed of what conflicts with the others."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ._gradient_balancer import GradientBalancer
from ._lcp import scaled, unscaled
from ._options import whole
from ._orders import orders
from ._step import Step


class PCGrad(GradientBalancer):
    """Take from each gradient what conflicts with the others, one after the other, and add up.

    Use it as the best known of its kind, with two tasks. With three or more the sum may still
    conflict, and it depends on an order by lot; ``UPGrad`` does not. Without a conflict it is the
    plain sum.

    Args:
        tasks: The names of the tasks.
        seed: Of the order in which each task looks at the others.
        at: Where gradients are compared; see :class:`GradientBalancer`.

    Raises:
        ConfigError: If the seed is no whole number of 0 or more.

    Source:
        Yu et al., *Gradient Surgery for Multi-Task Learning*, NeurIPS 2020, arXiv 2001.06782,
        algorithm 1. Every gradient, changed so far, is projected off the unchanged ones of the
        others. Through inner products alone; nothing else differs.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = PCGrad(["a", "b"]).backward({"a": 3 * w[0], "b": w[1] - w[0]})
        >>> w.grad
        tensor([1.5000, 2.5000])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        seed: int = 0,
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        self.seed = whole("PCGrad", "seed", seed, 0)

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """Row ``i`` says what gradient ``i`` has become, in units of each gradient's length."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        tasks = len(lengths)
        became = torch.eye(tasks, dtype=cosines.dtype, device=cosines.device)
        order = orders(self.seed, self.steps, tasks).to(cosines.device)
        for turn in range(tasks - 1):
            other = order[:, turn]
            along = (became * cosines[other]).sum(1)
            became = became.scatter_add(1, other[:, None], -along.clamp(max=0)[:, None])
        return unscaled(lengths @ became, lengths)
