"""The end of a step: gradients are looked at, and only then is it taken."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from plait._errors import ConfigError, NonFiniteError
from plait.balancing import Balancer
from plait.schema import Schema

from ._memory import out_of_memory
from ._non_finite import Told, refuse_non_finite
from ._sharding import local, sharded
from ._shares import Shares


def checked_step(
    schema: Schema,
    told: Sequence[Told],
    weights: Mapping[str, Tensor],
    parameters: Sequence[Tensor],
    balancer: Balancer,
    optimizer: torch.optim.Optimizer,
    clip: float,
    shares: Shares,
) -> tuple[dict[str, float], dict[str, float]]:
    """Cut the gradient to a norm and let the optimizer step, if all is finite.

    Args:
        schema: The fitted schema.
        told: What the parts of the step gave.
        weights: What the balancer gave each task.
        parameters: Those of the model that the optimizer holds.
        balancer: The rule, whose own parameters are not cut.
        optimizer: It holds both.
        clip: The norm.
        shares: What this process and others have of the step.

    Returns:
        The losses of all rows of all processes, and the weights.

    Raises:
        NonFiniteError: If a loss or the gradient is NaN or infinite, in any process: in all.
        ConfigError: If there is no memory for what the optimizer keeps.
    """
    total: dict[str, Tensor] = {}
    for _, _, losses in told:
        for name, loss in losses.items():
            total[name] = total.get(name, 0.0) + loss.detach()
    if not total:
        optimizer.step()
        return {}, {}
    norm = _norm([each.grad for each in parameters if each.grad is not None], shares)
    own = get_total_norm(
        [each.grad for each in balancer.parameters() if each.grad is not None], math.inf
    )
    # One question for all, so that a device is waited for once.
    numbers = [*weights.values(), *total.values(), norm, own]
    device = next(iter(total.values())).device
    found = torch.stack([each.float().to(device) for each in numbers]).tolist()
    given, (*values, length, largest) = found[: len(weights)], found[len(weights) :]
    means = shares.means(dict(zip(total, values, strict=True)))
    if not all(map(math.isfinite, means.values())):
        refuse_non_finite(schema, told)
        if shares.counts is not None:
            raise NonFiniteError(
                "A loss is not finite, for rows of another process, which tells them. No step was "
                "taken."
            )
    if not (math.isfinite(length) and math.isfinite(largest)):
        rows = torch.cat([batch.rows for batch, _, _ in told])
        raise NonFiniteError(
            f"The gradient is not finite ({length:g}) although every loss is. No step was taken. "
            f"Rows {rows[:5].tolist()} and {max(0, len(rows) - 5)} more. Lower "
            "`learning_rate`, or look for extreme values in these rows."
        )
    if length + 1e-6 > clip:
        _clip(parameters, clip, norm)
    try:
        optimizer.step()
    except RuntimeError as error:
        if out_of_memory(error):
            raise ConfigError(
                "The optimizer should have room for two numbers beside each weight. There is none "
                "on the device. Smaller batches do not help: choose a smaller `width`."
            ) from error
        raise
    return means, dict(zip(weights, given, strict=True))


def _norm(grads: Sequence[Tensor], shares: Shares) -> Tensor:
    """The norm of a gradient, some of which may be in parts, and some in all processes."""
    parts = [local(grad) for grad in grads if sharded(grad)]
    if not parts:
        return get_total_norm(grads)
    norm = shares.world.length(get_total_norm(parts))
    rest = get_total_norm([grad for grad in grads if not sharded(grad)])
    return (norm.square() + rest.to(norm).square()).sqrt()


def _clip(parameters: Sequence[Tensor], clip: float, norm: Tensor) -> None:
    grads = [each.grad for each in parameters if each.grad is not None]
    if not any(map(sharded, grads)):
        clip_grads_with_norm_(parameters, clip, norm)
        return
    factor = (clip / (norm + 1e-6)).clamp(max=1.0)
    for grad in grads:
        local(grad).mul_(factor.to(local(grad)))
