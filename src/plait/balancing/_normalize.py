"""Losses in units of their own."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._inner import Of
from ._loss_balancer import positive
from ._places import places
from ._rescaled import Rescaled
from ._step import Step


class Normalize(Rescaled):
    """Let a method see logarithms of losses, or losses in units of their first value.

    Use it around methods that go by the lengths of gradients or the sizes of losses, as ``UPGrad``,
    ``MGDA``, ``CAGrad`` and ``SmoothTchebycheff`` do, where losses come in different units. A
    task's own weights follow the changed loss too. Not around ``Log``, ``Geometric``, ``FAMO``,
    ``NashMTL`` and ``IMTLG``, which do not see units anyway; not for losses that can be negative.

    Args:
        tasks: The names of the tasks.
        by: ``"log"``: the logarithm, by which a loss that falls keeps its pull. ``"initial"``: the
            loss over its value in the first step in which it was there, that is of one batch.
        of: The method inside; see :class:`Wrapper`.

    Raises:
        ConfigError: If ``by`` is neither; while training, if a loss that is divided by is not above
            zero.

    Source:
        The logarithm as in DB-MTL (Lin et al., arXiv 2308.12029), which comes to gradients over
        losses; the first value as in GradNorm (Chen et al., ICML 2018). Methods that look at
        gradients leave a step with one task alone, here too.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> balancer = Normalize(["a", "b"], by="log", of="Sum")
        >>> weights = balancer.backward({"a": 2 * w[0], "b": 8 * w[1]})
        >>> w.grad
        tensor([1., 1.])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        by: Literal["log", "initial"] = "log",
        of: Of = "UPGrad",
    ) -> None:
        super().__init__(tasks, of=of)
        if by not in ("log", "initial"):
            raise ConfigError(f'`by` of Normalize should be "log" or "initial". Got {by!r}.')
        self.by = by
        self.register_buffer("first", torch.zeros(len(self.tasks), dtype=torch.float64))
        self.first: Tensor

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """Those of the method inside, for the losses that there are.

        Raises:
            ConfigError: If the method inside has no answer to what it sees, such as a logarithm
                below zero.
        """
        try:
            return super().weights(step)
        except ConfigError as error:
            if self.by != "log" or not bool((step.losses > 0).all()):
                raise
            raise ConfigError(
                'Normalize(by="log") lets a method see the logarithms of the losses, which may be '
                f'below zero: take by="initial", or another method. {error}'
            ) from error

    def seen(self, step: Step) -> tuple[Float[Tensor, " present"], Float[Tensor, " present"]]:
        """Logarithms or quotients, and one over what is divided by.

        Raises:
            ConfigError: If that is not above zero.
        """
        if self.by == "log":
            positive(self, step)
            return step.losses.log(), 1 / step.losses
        kept = self.first[step.index]
        first = torch.where(kept > 0, kept, step.losses)
        if not self.known.issuperset(places(step, len(self.tasks))):
            positive(self, Step(first, step.index))
        self.first[step.index] = first
        return step.losses / first, 1 / first
