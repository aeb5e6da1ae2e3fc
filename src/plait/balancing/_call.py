"""What one call of the engine is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._base import Balancer
from ._ranks import Ranks
from ._step import Step


@dataclass(frozen=True)
class Call:
    """The losses that are there, what they are multiplied by, and what is known of them.

    Args:
        balancer: The rule.
        names: The tasks that are there in any process, in the balancer's order.
        losses: The finite losses of this process, in the same order.
        seeds: What the gradient of each is multiplied by.
        step: What the rule may see, without gradients.
        scale: By how much a scaler of mixed precision lengthens all gradients; None for one.
        ranks: How processes agree.
        stacked: The losses of this process as one vector, with its graph.
    """

    balancer: Balancer
    names: tuple[str, ...]
    losses: Mapping[str, Tensor]
    seeds: Sequence[Tensor]
    step: Step
    scale: Tensor | None
    ranks: Ranks
    stacked: Tensor

    @classmethod
    def of(
        cls,
        losses: Mapping[str, Tensor],
        balancer: Balancer,
        *,
        parts: int,
        totals: Mapping[str, Tensor] | None,
        scaler: "torch.amp.GradScaler | None",
        ranks: Ranks,
        counts: Mapping[str, int] | None,
        check: bool,
    ) -> "Call":
        """From what :func:`backward` was given.

        Raises:
            ConfigError: If a number of a loss is lacking, or one process of several has no loss.
        """
        name = type(balancer).__name__
        for option, given in (("totals", totals), ("counts", counts)):
            lacking = [] if given is None else [each for each in losses if each not in given]
            if lacking:
                raise ConfigError(
                    f"`{option}` should have a number for each loss, for {name}. It lacks "
                    f"{lacking}. Add these, or leave `{option}` out."
                )
        mine, stacked = _finite(losses, balancer, totals, check)
        values, names = stacked.detach(), tuple(mine)
        if ranks.how and not mine:
            raise ConfigError(
                f"Each process should have a finite loss in each step, for {name}. This one has "
                f"none of {list(balancer.tasks)}, and the others would wait for it. Give a loss of "
                "zero that depends on the same outputs."
            )
        factors: dict[str, Tensor] = {}
        if ranks.how:
            together, factors = ranks.agree(balancer.tasks, mine, counts)
            names, values = tuple(together), torch.stack(list(together.values()))
        if totals is not None and names:
            values = torch.stack([totals[name].detach().reshape(()) for name in names])
        device, kept = values.device, balancer.work.constant
        scale = None if scaler is None else scaler.scale(torch.ones((), device=device))
        places = tuple(balancer.tasks.index(name) for name in names)
        index = kept(places, balancer.held.device, torch.int64)
        step = Step(values.to(index.device, torch.float64), index)
        if scale is None and not factors:
            seeds = [kept(1 / parts, device, loss.dtype) for loss in mine.values()]
        else:
            exact = torch.float32 if device.type == "mps" else torch.float64
            every = kept(1.0, device, exact) if scale is None else scale.to(exact)
            every = every / parts
            kinds = {loss.dtype: every.to(loss.dtype) for loss in mine.values()}
            seeds = [
                every * factors[name] if name in factors else kinds[loss.dtype]
                for name, loss in mine.items()
            ]
        return cls(balancer, names, mine, seeds, step, scale, ranks, stacked)

    @property
    def places(self) -> list[int]:
        """Where the tasks that are there stand among the balancer's."""
        return [self.balancer.tasks.index(name) for name in self.names]

    @property
    def new(self) -> bool:
        """Whether a task is there that was never weighed."""
        return not self.balancer.known.issuperset(self.places)

    @property
    def local(self) -> list[int]:
        """Where the losses of this process stand among the tasks that are there."""
        return [self.names.index(name) for name in self.losses]

    def mine(self, weights: Float[Tensor, " present"]) -> list[Tensor]:
        """The weights of the losses of this process, where the losses are."""
        some = next(iter(self.losses.values()))
        every = weights.to(some.device, torch.float32 if some.device.type == "mps" else None)
        return [every[place] for place in self.local]

    def solve(
        self,
        gramian: Float[Tensor, "present present"] | None = None,
        rows: Float[Tensor, "present numbers"] | None = None,
    ) -> tuple[Float[Tensor, " present"], Step]:
        """Ask the rule, and remember what it said.

        Where gradients are not finite, the weights of the step before are taken, and nothing is
        remembered: a scaler will see such gradients and skip the step.

        Args:
            gramian: Inner products of gradients, scaled as these are.
            rows: The gradients themselves, for rules that need them.
        """
        rule, step = self.balancer, self.step
        if gramian is not None:
            if self.scale is not None:
                gramian = gramian / self.scale.to(gramian).square()
            gramian = gramian.to(rule.held.device)
            if not bool(gramian.isfinite().all()):
                return self.remembered(), step
        if rule.needs == "jacobian" and rows is not None and self.scale is not None:
            rows = rows / self.scale.to(rows)
        step = Step(step.losses, step.index, gramian, rows if rule.needs == "jacobian" else None)
        weights = self._asked(step)
        if self.ranks.how:
            dist.broadcast(weights, 0)
        rule.held[step.index] = weights
        rule.known = rule.known.union(self.places)
        return weights, step

    def remembered(self) -> Float[Tensor, " present"]:
        """The weights that are held; one that was never found is the mean of the others, or 1."""
        rule = self.balancer
        there = torch.tensor([place in rule.known for place in self.places])
        there = there.to(rule.held.device)
        held = rule.held[self.step.index]
        mean = (held * there).sum() / there.sum().clamp(min=1)
        return torch.where(there, held, torch.where(there.any(), mean, 1.0))

    def _asked(self, step: Step) -> Tensor:
        """The rule's answer; gradients of what it learns itself are scaled like all others."""
        learned = list(self.balancer.parameters()) if self.scale is not None else []
        before = [each.grad for each in learned]
        for each in learned:
            each.grad = None
        weights = self.balancer.weights(step)
        for each, kept in zip(learned, before, strict=True):
            if each.grad is not None and self.scale is not None:
                each.grad *= self.scale.to(each.grad)
            if kept is not None:
                each.grad = kept if each.grad is None else each.grad + kept
        return weights


@torch.enable_grad()
def _finite(
    losses: Mapping[str, Tensor],
    balancer: Balancer,
    totals: Mapping[str, Tensor] | None,
    check: bool,
) -> tuple[dict[str, Tensor], Float[Tensor, " finite"]]:
    """The losses that are finite, in the balancer's order, and as a vector; others are counted."""
    names = [name for name in balancer.tasks if name in losses]
    if not names:
        return {}, balancer.held.new_zeros(0)
    stacked = _stacked([losses[name] for name in names])
    if not check:
        return {name: losses[name] for name in names}, stacked
    sound = stacked.detach().isfinite()
    if totals is not None:
        # Weights follow from the whole step: a task that is not finite in it has none.
        whole = torch.stack([totals[name].detach().reshape(()) for name in names])
        sound = sound & whole.to(sound.device).isfinite()
    # One question for all, so that a device is waited for once.
    fine = sound.tolist()
    if all(fine):
        return {name: losses[name] for name in names}, stacked
    for name, well in zip(names, fine, strict=True):
        if not well:
            balancer.skipped[balancer.tasks.index(name)] += 1
    kept = {name: losses[name] for name, well in zip(names, fine, strict=True) if well}
    return kept, _stacked(list(kept.values())) if kept else stacked.detach()[:0]


def _stacked(losses: Sequence[Tensor]) -> Float[Tensor, " losses"]:
    home = losses[0].device
    return torch.stack([(loss if loss.ndim == 0 else loss.reshape(())).to(home) for loss in losses])
