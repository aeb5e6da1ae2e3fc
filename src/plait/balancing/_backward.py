"""The one engine: from losses to gradients, by way of a balancer."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from plait._errors import ConfigError

from ._base import At, Balancer
from ._call import Call
from ._gather import finish, gather
from ._ranks import How, Ranks
from ._report import Report
from ._shared import Found, spread
from ._way import way


@torch.no_grad()
def backward(
    losses: Mapping[str, Tensor],
    balancer: Balancer,
    *,
    at: At | str | None = None,
    features: Tensor | Sequence[Tensor] | None = None,
    over: Iterable[Tensor] | None = None,
    rows: Mapping[str, Tensor] | None = None,
    every: int = 1,
    micro: tuple[int, int] = (0, 1),
    exact: bool = False,
    totals: Mapping[str, Tensor] | None = None,
    scaler: "torch.amp.GradScaler | None" = None,
    stream: bool = False,
    ranks: How | str | None = None,
    counts: Mapping[str, int] | None = None,
    check: bool = True,
) -> dict[str, Tensor]:
    """Balance several losses, and add the gradient into ``.grad`` and nothing else.

    Use it in place of ``(loss_1 + loss_2).backward()`` in a loop of your own. What is shared and
    what belongs to one task is read from the graph: a weight is shared if two losses reach it.
    Methods that look at losses alone weigh whole losses. Methods that look at gradients weigh what
    is shared, and each task's own weights follow its own loss, as in the published code of nearly
    all of them. Where only one task is there, such methods give its plain gradient.

    Args:
        losses: A scalar for each task that has a label in this step. One that is left out, or is
            not finite, is absent: it pulls at nothing, and its state does not move. Those that are
            not finite are counted in ``balancer.skipped``.
        balancer: The rule.
        at: Where the gradients of tasks are compared: ``"shared"``, at all shared weights, with a
            backward pass for each task; ``"features"``, where the heads begin, with one
            backward pass through what is shared; ``"auto"``, there if the graph shows one place
            where they begin, else at all shared weights. ``"losses"`` is for rules that look at
            no gradient. Left out, what the balancer prefers.
        features: What all heads begin with, for ``at="features"``; left out, it is found in the
            graph.
        over: The shared weights at which gradients are compared, for ``at="shared"``, such as
            those of the last shared layer, ``layer.parameters()``; left out, all.
        rows: Which rows of the batch each loss is about, as booleans, where no row has the labels
            of two tasks and layers do not mix rows. What ``at="shared"`` finds with a pass for each
            loss is then read from one pass of all. Each new structure of the graph is compared
            with a pass for each loss once; where it cannot be read, that is done in each step, and
            ``balancer.last.fallback`` says why. Methods that look at losses alone have no use for
            it.
        every: In how many steps weights are found anew; in between they are held, and a step
            costs one backward pass.
        micro: This part of a step that comes in several, and how many there are, as ``(0, 4)`` to
            ``(3, 4)``. Losses are means over the part; gradients are divided by the number of
            parts. Weights are found in the first part in which they can be, and held; a part with
            one task alone, for methods that look at gradients, takes what is held.
        exact: Whether the gradients of all parts are gathered, and weights found at the last one.
        totals: The losses of the whole step, where ``losses`` are those of a part and weights
            should follow from all.
        scaler: The scaler of mixed precision. Losses are handed over as they are; gradients come
            out scaled, as ``scaler.unscale_`` and ``scaler.step`` expect them.
        stream: Whether only the gradients of one piece of the network are kept at a time, in
            exchange for one more backward pass.
        ranks: How processes that train one model on different rows compare gradients. ``"exact"``:
            those of the mean gradients, for which all gradients travel; ``"sketch"``: nearly so,
            from 2,048 numbers for each task; ``"local"``: the mean over processes of what each
            sees, in which the noise of small batches makes gradients look longer; ``"sharded"``:
            FSDP2, with ``over``. ``"off"``: they do not. Left out, ``"sketch"`` where there are
            several processes.
        counts: How many labelled rows stand behind each loss in this process. With it, each loss is
            that of all rows of all processes; without, processes count alike.
        check: Whether losses are looked at for what is not finite, for which a device is waited for
            once. Without, they have to be finite, or the step has to be refused afterwards.

    Returns:
        The weight of each task of ``losses``, without a graph, on the device of the balancer; 0
        for one that is not finite, or as long as ``exact`` gathers.

    Raises:
        ValueError: If a loss is of no task here, is no scalar or has no graph.
        ConfigError: If nothing is shared, or a choice does not fit the method.

    Example:
        >>> from plait.balancing import UPGrad
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = backward({"a": 3 * w[0], "b": w[1] - w[0]}, UPGrad(["a", "b"]))
        >>> w.grad  # a step against it lets no loss rise
        tensor([0.7500, 1.2500])
    """
    balancer.check(losses)
    over = _listed(over)
    agreed = Ranks.of(ranks)
    chosen = way(balancer, at, features, over, rows, every, micro, exact, stream, agreed)
    part, parts = micro
    call = Call.of(
        losses,
        balancer,
        parts=parts,
        totals=totals,
        scaler=scaler,
        ranks=agreed,
        counts=counts,
        check=check,
    )
    last, names = part == parts - 1, call.names
    balancer.work.fallback = ""
    if part == 0:
        balancer.work.found = None
    # A lenient rule may no longer look at gradients; one that rests has nothing to gather for.
    exact = exact and balancer.needs != "losses" and not _rests(balancer, every)
    found: Found | None = None
    # In one process the graph shows what is shared; in several, only what is in this one.
    shared = over if over is not None else (balancer.work.shared if agreed.how else None)
    weights = call.step.losses.new_zeros(len(names))
    if exact:
        window = gather(call, part == 0)
        if last and window.tasks:
            names, found = finish(call, window, every)
            weights = found[0]
        balancer.work.window = None if last else window
    elif not names:
        pass
    elif len(names) == 1 and balancer.needs != "losses":
        # Other parts of the step may have more tasks: the task then pulls as it did before.
        weights = weights + 1 if parts == 1 else call.remembered()
        spread(call, weights, shared=shared or ())
    elif not _due(call, every):
        weights = call.remembered()
        spread(call, weights, shared=shared or ())
    elif chosen is None:
        weights, _ = call.solve()
        spread(call, weights)
        found = weights, None
    else:
        found = chosen(call)
        weights = found[0]
    if found is not None:
        balancer.work.found = balancer.steps
        skipped = tuple(name for name in losses if name not in call.losses)
        balancer.last = Report(names, *found, skipped, balancer.work.fallback)
    if last:
        balancer.end_step()
    known = dict(zip(names, weights.unbind(), strict=True))
    nothing = weights.new_zeros(())
    return {name: known.get(name, nothing) for name in losses}


def _listed(over: Iterable[Tensor] | None) -> list[Tensor] | None:
    """The weights that were named, each once; ``parameters()`` can be gone through only once."""
    if over is None:
        return None
    found = [over] if isinstance(over, Tensor) else list(dict.fromkeys(over))
    if not found:
        raise ConfigError(
            "`over` should name one weight or more. Got none. Leave it out to take all that is "
            "shared."
        )
    return found


def _due(call: Call, every: int) -> bool:
    """Whether weights are to be found in this call; if not, those held are taken."""
    rule = call.balancer
    if rule.work.found == rule.steps:
        return False  # they were, in a part before
    return call.new or (rule.due() and rule.steps % every == 0)


def _rests(rule: Balancer, every: int) -> bool:
    """Whether weights of all tasks are held in this step, whichever come in its parts."""
    known = len(rule.known) == len(rule.tasks)
    return known and not (rule.due() and rule.steps % every == 0)
