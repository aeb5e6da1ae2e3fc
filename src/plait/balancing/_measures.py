"""From the Gramians of several looks to a few numbers."""

import torch
from jaxtyping import Float
from torch import Tensor

EDGE = 2.0**-52


def cosines(
    gramians: Float[Tensor, "looks tasks tasks"],
) -> Float[Tensor, "looks tasks tasks"]:
    """The cosines of each look; 0 with a gradient of zero, NaN where a task is absent."""
    lengths = lengths_of(gramians)
    products = lengths[:, :, None] * lengths[:, None]
    return torch.where(products == 0, 0.0, (gramians / products).clamp(-1, 1))


def lengths_of(gramians: Float[Tensor, "looks tasks tasks"]) -> Float[Tensor, "looks tasks"]:
    """The length of each gradient; NaN where a task is absent."""
    return gramians.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt()


def mean_and_error(
    values: Float[Tensor, "looks tasks tasks"],
) -> tuple[Float[Tensor, "tasks tasks"], Float[Tensor, "tasks tasks"]]:
    """The mean over looks, and its standard error; NaN where nothing is known of either."""
    there = values.isfinite()
    count = there.sum(0).double()
    mean = values.nanmean(0)
    apart = torch.where(there, values - mean, 0.0).square().sum(0)
    return mean, torch.where(count > 1, (apart / (count - 1) / count).sqrt(), torch.nan)


def conflicts(found: Float[Tensor, "looks tasks tasks"]) -> Float[Tensor, "tasks tasks"]:
    """In which share of the looks two gradients point away from each other."""
    there = found.isfinite().sum(0)
    return torch.where(there > 0, (found < 0).sum(0) / there.double(), torch.nan)


def conflict_rate(found: Float[Tensor, "looks tasks tasks"]) -> float:
    """The same over all pairs of tasks; 0 where there is none."""
    apart = ~torch.eye(found.shape[1], dtype=torch.bool)
    pairs = (found.isfinite() & apart).sum()
    return float(((found < 0) & apart).sum() / pairs.clamp(min=1))


def ratio(lengths: Float[Tensor, "looks tasks"]) -> float:
    """The longest over the shortest of a look, in the middle of all looks; zeros do not count."""
    there = lengths > 0
    most = torch.where(there, lengths, -torch.inf).amax(1)
    least = torch.where(there, lengths, torch.inf).amin(1)
    known = (most / least)[there.any(1)]
    return float(known.median()) if len(known) else 1.0


def to_mean(gramians: Float[Tensor, "looks tasks tasks"]) -> Float[Tensor, "looks tasks"]:
    """The cosine of each gradient and the mean of all that are there; 0 where one is zero."""
    sums = gramians.nansum(2)
    whole = sums.sum(1, keepdim=True).clamp(min=0).sqrt()
    lengths = lengths_of(gramians)
    products = lengths * whole
    # What opposed gradients leave is rounding.
    small = products <= 4 * EDGE**0.5 * lengths * lengths.nansum(1, keepdim=True)
    return torch.where(small, 0.0, sums / products)


def condition(found: Float[Tensor, "looks tasks tasks"]) -> float:
    """The largest eigenvalue of the cosines over the smallest, in the middle of all looks.

    1 where all gradients are at right angles; 4.5e15, and no more, where they are dependent.
    """
    numbers = []
    for each in found:
        there = each.diagonal() > 0
        if there.any():
            values = torch.linalg.eigvalsh(each[there][:, there])
            numbers.append(values[-1] / torch.maximum(values[0], values[-1] * EDGE))
    return float(torch.stack(numbers).median()) if numbers else 1.0


def affinity(
    losses: Float[Tensor, "looks tasks"],
    gramians: Float[Tensor, "looks tasks tasks"],
    rate: float,
) -> Float[Tensor, "tasks tasks"]:
    """By which share of itself the loss of ``j`` falls with a step along the gradient of ``i``.

    NaN where the loss was zero.
    """
    size = torch.where(losses == 0, torch.nan, losses.abs())
    return (rate * gramians / size[:, None]).nanmean(0)
