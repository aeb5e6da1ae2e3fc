"""DBMTL: logarithms of losses, and gradients of equal length."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._gradient_balancer import GradientBalancer
from ._lcp import scaled, unscaled
from ._loss_balancer import positive
from ._options import number
from ._step import Step


class DBMTL(GradientBalancer):
    """Take the logarithm of each loss, and make all gradients as long as the longest.

    Use it where losses come in different units and sizes: neither matters. Cheap, for it looks at
    lengths alone. Not for losses that can be zero or negative; it does not look at conflicts, and
    its steps are long.

    Args:
        tasks: The names of the tasks.
        beta: How much of the gradients before is kept. Above 0 it needs the gradients themselves,
            in each step: one more copy of the shared weights for each task.
        at: Where gradients are compared; with ``beta`` above 0 at the weights that are shared.

    Raises:
        ConfigError: If ``beta`` is not between 0 and 1; while training, if a loss is not above
            zero, or with ``beta`` what is shared changes.

    Source:
        Lin et al., *Dual-Balancing for Multi-Task Learning*, arXiv 2308.12029, algorithm 1.
        ``beta`` is 0 unless it is said, there up to 0.9; it stays as it is over the steps, as with
        ``sigma=0`` there. Each task's own weights follow the logarithm of its loss, as there; a
        task that is alone in a step has its plain gradient. No 1e-8 is added to losses: zero is
        refused.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = DBMTL(["a", "b"]).backward({"a": 300 * w[0], "b": 2 * w[1] + 2})
        >>> w.grad
        tensor([1., 1.])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        beta: float = 0.0,
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        self.beta = number("DBMTL", "beta", beta, 0.0, 1 - 1e-9)
        if self.beta:
            self.needs = "jacobian"
            if at == "features":
                raise ConfigError(
                    "DBMTL keeps gradients from step to step if `beta` is above 0, and at "
                    '"features" those of each step belong to other rows. Take at="shared", or '
                    "beta=0."
                )
        self.register_buffer("rows", None)
        self.rows: Tensor | None

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """What brings each gradient, over its loss, to the length of the longest.

        Raises:
            ConfigError: If a loss is not above zero, or the gradients kept are of other weights.
        """
        assert step.gramian is not None
        if not torch.compiler.is_compiling():
            positive(self, step)
        if self.beta and step.rows is not None:
            lengths = self._kept(step, step.rows)
            return unscaled(lengths.amax().expand_as(lengths), lengths) / step.losses
        lengths = scaled(step.gramian)[0] / step.losses
        return unscaled(lengths.amax().expand_as(lengths), lengths) / step.losses

    def private(self, step: Step) -> Float[Tensor, " present"] | None:
        """One over the losses: the derivatives of their logarithms; None for a task alone."""
        return 1 / step.losses if len(step.losses) > 1 else None

    def direction(self, step: Step) -> Float[Tensor, " numbers"] | None:
        """The gradients kept, all as long as the longest; None where none are kept."""
        if not self.beta or step.rows is None or self.rows is None:
            return None
        index = step.index.to(self.rows.device)
        lengths = self.rows[index].norm(dim=1, dtype=torch.float64)
        shares = unscaled(lengths.amax().expand_as(lengths), lengths)
        return shares.to(self.rows.dtype) @ self.rows[index]

    def _kept(self, step: Step, rows: Tensor) -> Float[Tensor, " present"]:
        """Take note of gradients; the lengths of those kept."""
        if self.rows is None:
            self.rows = rows.new_zeros(len(self.tasks), rows.shape[1])
        if self.rows.shape[1] != rows.shape[1]:
            raise ConfigError(
                f"DBMTL keeps gradients of {self.rows.shape[1]} shared weights from step to step "
                f"(beta={self.beta:g}). Got those of {rows.shape[1]}. What is shared changes where "
                "tasks are absent, or a part was frozen: take beta=0."
            )
        index = step.index.to(rows.device)
        new = (rows / step.losses.to(rows)[:, None]).to(self.rows)
        self.rows[index] = torch.lerp(new, self.rows[index], self.beta)
        return self.rows[index].norm(dim=1, dtype=torch.float64).to(step.losses)

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *args: Any, **more: Any
    ) -> None:
        kept = state_dict.get(f"{prefix}rows")
        # A state may be from before the first step, or of other shared weights.
        self.rows = None if kept is None else torch.zeros_like(kept, device=self.held.device)
        super()._load_from_state_dict(state_dict, prefix, *args, **more)
