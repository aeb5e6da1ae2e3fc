"""Multi-modal Pareto gradients."""

from collections.abc import Sequence

import torch
from torch import Tensor

from plait._errors import ConfigError

from ._base import Balance, Encoders, ModalityBalancer
from ._grads import apart
from ._step import ViewLosses


class MMPareto(ModalityBalancer):
    """Let the joint loss and that of the input alone agree on the gradient of each encoder.

    Where the two gradients point to the same side, they are added. Where they conflict, the
    shortest vector between them is taken, which both agree with, and brought back to the length of
    the sum. Everything behind the encoders follows the sum of all losses.

    Use it where inputs are few, encoders are deep and one of them falls behind: of the methods
    that BalanceBenchmark (arXiv 2502.10816) ran, it came out best on most sets. It needs a backward
    pass for each input beside the joint one.

    Args:
        inputs: The names of the inputs.
        tasks: The names of the tasks.
        gamma: By how much the gradient of an encoder is lengthened.

    Raises:
        ConfigError: If ``gamma`` is not positive.

    Source:
        Wei and Hu, *MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance*, ICML
        2024 (arXiv 2405.17730), algorithm 1, with the details of the authors' code: lengths are
        compared weight by weight and only raised, and ``gamma`` applies without a conflict as
        well. Deviations: the two-task minimum norm is solved in closed form; the answer of an input
        alone is that of the same heads with the others absent; with several tasks the gradients
        are those of the balanced sum, and of the plain sum for an input alone.
    """

    def __init__(self, inputs: Sequence[str], tasks: Sequence[str], *, gamma: float = 1.5) -> None:
        super().__init__(inputs, tasks)
        if not 0 < gamma < float("inf"):
            raise ConfigError(f"`gamma` should be a positive number. Got {gamma!r}.")
        self.gamma = gamma

    def backward(self, step: ViewLosses, encoders: Encoders, balance: Balance) -> dict[str, Tensor]:
        """A backward pass for each input alone, and one for all together."""
        every = list({id(each): each for some in encoders.values() for each in some}.values())
        with apart(every):
            for view, losses in step.losses.items():
                if view != self.inputs and losses:
                    torch.stack(list(losses.values())).sum().backward(retain_graph=True)
            alone = {id(each): each.grad for each in every}
            for each in every:
                each.grad = None
            weights = balance(step.losses.get(self.inputs, {}))
            for some in encoders.values():
                pairs = [(each, alone[id(each)]) for each in some]
                self._agree([(each, grad) for each, grad in pairs if grad is not None])
        return weights

    @torch.no_grad()
    def _agree(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
        if not pairs:
            return
        joint = [torch.zeros_like(each) if each.grad is None else each.grad for each, _ in pairs]
        single = [grad for _, grad in pairs]
        share = share_of(_flat(joint), _flat(single))
        for (each, _), one, other in zip(pairs, joint, single, strict=True):
            mixed = 2 * (share * one + (1 - share) * other)
            length, wanted = mixed.norm(), (one + other).norm()
            longer = wanted / length.clamp(min=torch.finfo(length.dtype).tiny)
            scale = torch.where(length > 0, longer.clamp(min=1.0), 1.0)
            each.grad = mixed * (self.gamma * scale)


def share_of(joint: Tensor, single: Tensor) -> Tensor:
    """How much of the joint gradient is taken: half, or what makes the mix of a conflict shortest.

    Example:
        >>> float(share_of(torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 1.0])))
        0.6000000238418579
    """
    inner = joint @ single
    apart = (joint - single).square().sum()
    shortest = ((single.square().sum() - inner) / apart.clamp(min=1e-30)).clamp(0.0, 1.0)
    return torch.where(inner > 0, 0.5, shortest)


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.flatten().float() for part in parts])
