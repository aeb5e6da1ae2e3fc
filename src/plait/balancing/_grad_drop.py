"""GradDrop: of each number of the gradients, one sign by lot."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ._gradient_balancer import GradientBalancer
from ._options import number, whole
from ._step import Step


class GradDrop(GradientBalancer):
    """For each weight keep the gradients of one sign, drawn by how much of it there is.

    Use it as a regularizer where tasks pull at the same weights in opposite ways. Not where
    gradients are noisy already, and not for large models: it needs the gradients themselves, in
    each step. Weights that agree in sign follow the plain sum.

    Args:
        tasks: The names of the tasks.
        leak: The share of each gradient that is kept in any case; at 1 it is the plain sum.
        seed: Of the lots.
        at: Where gradients are compared; with ``"features"`` by each row of the batch.

    Raises:
        ConfigError: If ``leak`` is not between 0 and 1, or the seed is no whole number of 0 or
            more.

    Source:
        Chen et al., *Just Pick a Sign: Optimizing Deep Multitask Models with Gradient Sign
        Dropout*, NeurIPS 2020, arXiv 2010.06808, algorithm 1. At shared weights, one by one, where
        the paper takes a layer's activations, multiplied by their signs and summed over the
        batch; one leak for all tasks. Reported weights are the share of each gradient, in absolute
        values, that was kept; they are no factors.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = GradDrop(["a", "b"]).backward({"a": w[0] + w[1], "b": w[0] - w[1]})
        >>> float(w.grad[0]), abs(float(w.grad[1]))
        (2.0, 1.0)
    """

    needs = "jacobian"

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        leak: float = 0.0,
        seed: int = 0,
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        self.leak = number("GradDrop", "leak", leak, 0.0, 1.0)
        self.seed = whole("GradDrop", "seed", seed, 0)
        self.found: tuple[Tensor, Tensor] | None = None
        """Gradients and what is kept of them, between :meth:`weights` and :meth:`direction`."""

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The share of each task's gradient that is kept; 1 for one of zero."""
        assert step.rows is not None
        rows = step.rows
        lots = self._lots(rows)
        plain, masses, room = rows.sum(0), torch.zeros_like(lots), torch.empty_like(lots)
        lengths = []
        # One row at a time: the gradients of all tasks may be most of the memory.
        for row in rows:
            masses += torch.abs(row, out=room)
            lengths.append(room.sum(dtype=torch.float64))
        # Of a row's numbers those of the sign that is kept: half of its length and of this product.
        above = lots.mul_(2).mul_(masses) < masses + plain
        signs = torch.where(above, 1.0, -1.0).to(rows)
        whole, product = torch.stack(lengths), (rows @ signs).double()
        kept = ((whole + product) / 2).clamp(min=0)
        share = torch.where(whole > 0, kept / torch.where(whole > 0, whole, 1.0), 1.0)
        found = torch.addcmul(plain, masses, signs).div_(2)
        self.found = rows, self.leak * plain + (1 - self.leak) * found if self.leak else found
        return (self.leak + (1 - self.leak) * share).to(step.losses)

    def direction(self, step: Step) -> Float[Tensor, " numbers"] | None:
        """The sum of what is kept; None where gradients are not known."""
        if step.rows is None:
            return None
        if self.found is None or self.found[0] is not step.rows:
            self.weights(step)
        kept, self.found = self.found, None
        return None if kept is None else kept[1]

    def _lots(self, rows: Float[Tensor, "present numbers"]) -> Float[Tensor, " numbers"]:
        """A number between 0 and 1 for each weight, by seed and step."""
        mixed = (self.seed * 2_654_435_761 + self.steps) % 2**32
        source = torch.Generator(rows.device).manual_seed(mixed)
        return torch.rand(rows.shape[1], generator=source, dtype=rows.dtype, device=rows.device)
