"""Gradients compared at the weights that tasks share."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._call import Call
from ._grads import add, add_flat, rows, weighted
from ._graph import Graph
from ._numbers import count, inner, precision
from ._step import Step
from ._stream import streamed

Found = tuple[Float[Tensor, " present"], Float[Tensor, "present present"] | None]


@dataclass(frozen=True)
class Shared:
    """Gradients compared at the weights that tasks share: a backward pass for each task.

    Args:
        over: The weights at which they are compared; None for all that are shared.
        stream: Whether the Gramian is gathered piece by piece of the network.
    """

    over: Sequence[Tensor] | None = None
    stream: bool = False

    def __call__(self, call: Call) -> Found:
        """Add the gradient; the weights and the Gramian.

        Raises:
            ConfigError: If nothing is shared, or a weight of ``over`` is reached by no loss.
        """
        losses = list(call.losses.values())
        graph = Graph.of(losses)
        targets = self.targets(call, graph)
        if self.stream:
            gramian = streamed(graph, losses, call.seeds)
            weights, step = call.solve(gramian)
            spread(call, weights, graph, targets)
            return weights, gramian
        again = call.ranks.how is not None or self.over is not None
        numbers = sum(count(leaf) for leaf in targets)
        table = call.balancer.work.room(len(call.names), 0, numbers, targets[0], precision(targets))
        out = table if len(losses) == len(call.names) else table.zero_()
        mine = [out[place] for place in call.local]
        own = [[] if again else graph.own(task) for task in range(len(losses))]
        private = rows(losses, call.seeds, graph, targets, own, mine, keep=again)
        ranks = call.ranks
        gramian = ranks.gramian(table, call.balancer.steps) if ranks.how else inner(table)
        weights, step = call.solve(gramian, table)
        if again:
            spread(call, weights, graph, targets)
            return weights, gramian
        direction = directed(call, step)
        if direction is None:
            direction = weights.to(table.device, table.dtype) @ table
        add_flat(targets, direction)
        apart(call, step, own, private)
        return weights, gramian

    def targets(self, call: Call, graph: Graph) -> list[Tensor]:
        """The weights at which gradients are compared.

        Args:
            call: The losses.
            graph: Their graph.

        Raises:
            ConfigError: If there are none, or one of ``over`` is reached by no loss.
        """
        name = type(call.balancer).__name__
        if self.over is not None:
            reach = graph.reach
            for place, leaf in enumerate(self.over):
                if leaf not in reach and not call.ranks.how:
                    raise ConfigError(
                        f"`over` should name weights that the losses depend on, for {name}. Number "
                        f"{place}, of shape {list(leaf.shape)}, is reached by none of "
                        f"{list(call.losses)}. Leave `over` out to take all that is shared."
                    )
            return list(self.over)
        if call.ranks.how and len(call.losses) < len(call.balancer.tasks):
            # A process that lacks a label cannot see what is shared with its task.
            if call.balancer.work.shared is None:
                raise ConfigError(
                    f"{name} should know what is shared where this process has no label for a task "
                    f"(of {list(call.balancer.tasks)} it has {list(call.losses)}) and never had "
                    "all. Tell it: `over=list(trunk.parameters())`."
                )
            return call.balancer.work.shared
        if not graph.shared:
            raise ConfigError(
                f"{name} compares the gradients of weights that tasks share. No weight is reached "
                f"by two of the losses {list(call.losses)}: add them up instead, with `Sum`."
            )
        if len(call.losses) == len(call.balancer.tasks):
            call.balancer.work.shared = graph.shared
        return graph.shared


def directed(call: Call, step: Step) -> Tensor | None:
    """The shared gradient itself, of a rule that is no weighted sum.

    Args:
        call: The losses.
        step: What the rule saw.
    """
    direction = call.balancer.direction(step)
    if direction is None or call.scale is None:
        return direction
    return direction * call.scale.to(direction)


def apart(
    call: Call,
    step: Step,
    own: Sequence[Sequence[Tensor]],
    private: Sequence[Sequence[Tensor]],
) -> None:
    """Add the gradients of what losses have for themselves.

    Args:
        call: The losses.
        step: What the rule saw.
        own: The weights that each loss has for itself.
        private: Their gradients.
    """
    shares = call.balancer.private(step)
    if shares is None:
        add([leaf for some in own for leaf in some], [grad for some in private for grad in some])
        return
    for task, (leaves, grads) in enumerate(zip(own, private, strict=True)):
        add(leaves, [grad * shares[task].to(grad) for grad in grads])


def spread(
    call: Call,
    weights: Float[Tensor, " present"],
    graph: Graph | None = None,
    shared: Sequence[Tensor] = (),
) -> None:
    """One backward pass with weights that are known: whole losses, or only where they share.

    Args:
        call: The losses.
        weights: The weight of each task that is there.
        graph: The graph of the losses, if it was read already.
        shared: What is shared; beside what two losses reach here, what one shares with the losses
            of other processes.
    """
    if call.balancer.needs == "losses":
        all_of_them = len(call.losses) == len(call.names)
        mine = weights if all_of_them else weights[call.local]
        first = call.seeds[0]
        alike = all(seed is first for seed in call.seeds)
        seed = (first if alike else torch.stack(list(call.seeds))) * mine.to(first.device)
        torch.autograd.backward(call.stacked, seed.to(call.stacked))
        return
    losses, shares = list(call.losses.values()), call.mine(weights)
    graph = graph or Graph.of(losses)
    seeds = list(call.seeds)
    private = call.balancer.private(call.step)
    if private is not None:
        own = call.mine(private)
        seeds = [seed * share for seed, share in zip(seeds, own, strict=True)]
        shares = [share / part for share, part in zip(shares, own, strict=True)]
    reach = graph.reach
    lone = [leaf for leaf in shared if leaf in reach and not reach[leaf] & (reach[leaf] - 1)]
    weighted(losses, seeds, graph, shares, lone)
