"""The parts of one step, gathered."""

import torch
import torch.distributed as dist

from plait._errors import ConfigError

from ._call import Call
from ._grads import add, add_flat, retained
from ._graph import Graph
from ._numbers import count, inner, precision
from ._shared import Found
from ._step import Step
from ._window import Window


def gather(call: Call, first: bool) -> Window:
    """Keep the gradients of one part of a step.

    Args:
        call: The losses of the part.
        first: Whether a step begins with it.
    """
    work = call.balancer.work
    if first or work.window is None:
        work.window = Window()
    losses = list(call.losses.values())
    if not losses:
        return work.window
    graph = Graph.of(losses)
    with retained(graph):
        for task, (name, loss) in enumerate(call.losses.items()):
            leaves = [leaf for leaf, tasks in graph.reach.items() if tasks >> task & 1]
            seed = call.seeds[task].to(loss.device, loss.dtype)
            last = task == len(losses) - 1
            grads = torch.autograd.grad(loss, leaves, seed.expand_as(loss), retain_graph=not last)
            # The gradient may be scaled by mixed precision, the loss never is.
            share = call.seeds[task] if call.scale is None else call.seeds[task] / call.scale
            known = loss.detach().reshape(()).double() * share.double()
            place = call.balancer.tasks.index(name)
            work.window.take(place, known, dict(zip(leaves, grads, strict=True)))
    return work.window


def finish(call: Call, window: Window, every: int = 1) -> tuple[tuple[str, ...], Found]:
    """Add the gradient of a whole step.

    Args:
        call: The losses of its last part.
        window: What was gathered.
        every: In how many steps weights are found anew.

    Returns:
        The tasks that were there, their weights and the Gramian.

    Raises:
        ConfigError: If nothing is shared.
    """
    rule = call.balancer
    names = tuple(rule.tasks[task] for task in window.tasks)
    shared = window.shared
    home = rule.held.device
    losses = torch.stack([window.losses[task].to(home) for task in window.tasks])
    if call.ranks.how:
        losses = call.ranks.mean(losses)
    step = Step(losses, torch.tensor(window.tasks, device=home))
    whole = Call(rule, names, {}, [], step, call.scale, call.ranks, call.stacked)
    if len(names) == 1:
        grads = window.grads[window.tasks[0]]
        add(list(grads), list(grads.values()))
        one = losses.new_ones(1)
        return names, (one, one[:, None])
    if not shared:
        raise ConfigError(
            f"{type(rule).__name__} compares the gradients of weights that tasks share. No weight "
            f"is reached by two of the losses {list(names)}: add them up instead, with `Sum`."
        )
    numbers = sum(count(leaf) for leaf in shared)
    table = window.rows(rule.work.room(len(names), 0, numbers, shared[0], precision(shared)))
    if call.ranks.how:
        call.ranks.alike(numbers, table.device)
        table = call.ranks.mean(table)
    gramian = inner(table)
    if whole.new or (rule.due() and rule.steps % every == 0):
        weights, step = whole.solve(gramian, table)
    else:
        weights = whole.remembered()
    direction = rule.direction(step)
    if direction is None:
        direction = weights.to(table.device, table.dtype) @ table
    elif call.scale is not None:
        direction = direction * call.scale.to(direction)
    if call.ranks.how:
        dist.broadcast(direction, 0)  # a rule may draw by chance
    add_flat(shared, direction)
    shares = rule.private(step)
    for place, task in enumerate(window.tasks):
        own = window.own(task)
        grads = list(own.values())
        if shares is not None:
            grads = [grad * shares[place].to(grad) for grad in grads]
        add(list(own), grads)
    return names, (weights, gramian)
