"""From looks to findings."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from . import _measures as measure
from ._advice import advice
from ._findings import Findings, Row, Square


def found(
    tasks: Sequence[str],
    at: str,
    steps: Sequence[int],
    losses: Float[Tensor, "looks tasks"],
    gramians: Float[Tensor, "looks tasks tasks"],
    noise: Float[Tensor, " tasks"] | None = None,
    rate: float = 1.0,
) -> Findings:
    """All numbers of a number of looks.

    Args:
        tasks: The tasks.
        at: Where gradients were compared.
        steps: The step of each look.
        losses: On the processor; NaN for a task that was absent.
        gramians: Likewise.
        noise: The share of each gradient that is chance, where that is known.
        rate: A length of step, for the affinity.
    """
    # Half of what is not finite is absent; the other half is of no use.
    gramians = torch.where(gramians.isfinite(), gramians, torch.nan)
    apart = measure.cosines(gramians)
    cosine, error = measure.mean_and_error(apart)
    lengths = measure.lengths_of(gramians)
    ratio = measure.ratio(lengths)
    middle = lengths.nanmedian(0).values if len(lengths) else torch.full((len(tasks),), torch.nan)
    together = (gramians.diagonal(dim1=1, dim2=2).isfinite().sum(1) > 1).sum()
    told = advice(tasks, int(together), cosine, error, middle.nan_to_num(), ratio)
    return Findings(
        tasks=tuple(tasks),
        at=at,
        steps=tuple(steps),
        losses=row(losses.nanmean(0)),
        lengths=row(middle),
        norm_ratio=ratio,
        cosines=tuple(square(each) for each in apart),
        cosine=square(cosine),
        error=square(error),
        conflicts=square(measure.conflicts(apart)),
        conflict_rate=measure.conflict_rate(apart),
        to_mean=row(measure.to_mean(gramians).nanmean(0)),
        condition=measure.condition(apart),
        noise=None if noise is None else row(noise),
        affinity=square(measure.affinity(losses, gramians, rate)),
        rate=rate,
        suggests=told.method,
        weights=told.weights,
        sentence=told.sentence,
    )


def row(values: Float[Tensor, " tasks"]) -> Row:
    """Plain numbers; None for NaN."""
    return tuple(value if value == value else None for value in values.tolist())


def square(values: Float[Tensor, "tasks tasks"]) -> Square:
    """Rows of plain numbers."""
    return tuple(row(each) for each in values)
