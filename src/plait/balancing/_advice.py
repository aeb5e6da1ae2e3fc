"""What numbers about gradients suggest."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

LOOKS = 3
GAP = 5.0
AGAINST = -0.1
OPPOSED = -0.5
MANY = 16


@dataclass(frozen=True)
class Advice:
    """A method, and why.

    Args:
        method: The name of a balancer.
        sentence: Why it, with numbers.
        weights: Fixed weights that make gradients about equally long, and their sum as long as it
            was, where that is the advice.
    """

    method: str
    sentence: str
    weights: tuple[float, ...] | None = None


def advice(
    tasks: Sequence[str],
    looks: int,
    cosine: Float[Tensor, "tasks tasks"],
    error: Float[Tensor, "tasks tasks"],
    lengths: Float[Tensor, " tasks"],
    ratio: float,
) -> Advice:
    """What to train with.

    Args:
        tasks: The tasks.
        looks: How many looks there were with two tasks or more.
        cosine: The mean cosines.
        error: Their standard errors.
        lengths: The gradients' lengths, in the middle of all looks.
        ratio: The longest over the shortest.
    """
    if looks < LOOKS:
        return Advice(
            "Sum",
            f"Keep the sum: {looks} looks had gradients of two tasks to compare, which is too few "
            f"to say more (it takes {LOOKS}).",
        )
    high = cosine + 2 * error.nan_to_num()
    pair = _least(high)
    worst = _said(tasks, cosine, error, pair) if pair else "no two were there together"
    apart = pair is not None and float(high[pair]) < AGAINST
    groups = _groups(cosine, high) if apart else None
    fold = f"gradients differ {ratio:.3g}-fold in length"
    if groups:
        one, other = (", ".join(tasks[place] for place in group) for group in groups)
        return Advice(
            "Sum",
            f"Keep the sum, no balancer is likely to help: {one} and {other} want opposite things "
            f"of what they share ({worst}): what one gains the other loses. Give each a network of "
            "its own, or let them share less (CGC or PLE in plait.sharing).",
        )
    if ratio < GAP:
        less = "Let tasks share less instead (CGC or PLE in plait.sharing)."
        return Advice(
            "Sum",
            f"Keep the sum, no balancer is likely to help: {fold}, and one pays from about "
            f"{GAP:g}-fold on. "
            + (
                f"Tasks do pull apart ({worst}), but alike strongly. {less}"
                if apart
                else f"No two tasks pull apart beyond chance (the worst: {worst})."
            ),
        )
    if apart and len(tasks) > MANY:
        return Advice(
            "FAMO",
            f"FAMO: {fold}, and tasks pull apart ({worst}). With {len(tasks)} of them, the "
            "gradients of each cost more than they give; it lets all losses fall at one rate at "
            "the price of the sum.",
        )
    if apart:
        return Advice(
            "NashMTL",
            f"NashMTL: {fold}, and tasks pull apart ({worst}). It does not go by length, and no "
            "task can gain more, in proportion, than the others lose.",
        )
    found = torch.where(lengths > 0, lengths, torch.nan)
    # The whole stays as long as that of the sum: an optimizer with a memory notices the difference.
    raw = torch.where(found.isnan(), 0.0, 1 / found)
    gramian = cosine.nan_to_num() * lengths[:, None] * lengths
    weights = torch.where(found.isnan(), 1.0, raw * alike(raw, gramian))
    low, top = tasks[int(found.nan_to_num(torch.inf).argmin())], tasks[int(lengths.argmax())]
    return Advice(
        "Sum",
        f"The sum with fixed weights: {fold} ({top} has the longest, {low} the shortest), and no "
        f"two tasks pull apart beyond chance (the worst: {worst}). Length is all there is to "
        "balance, and that takes one number for each task.",
        tuple(weights.tolist()),
    )


def alike(
    weights: Float[Tensor, " tasks"], gramian: Float[Tensor, "tasks tasks"]
) -> Float[Tensor, ""]:
    """By what weights are multiplied for a gradient as long as that of the sum; 1 for nothing."""
    wanted, got = gramian.sum(), weights @ gramian @ weights
    there = (wanted > 0) & (got > 0)
    return torch.where(there, wanted / torch.where(there, got, 1.0), 1.0).sqrt()


def _least(high: Tensor) -> tuple[int, int] | None:
    """The two tasks that are apart most surely."""
    size = len(high)
    found = torch.where(torch.eye(size, dtype=torch.bool) | high.isnan(), torch.inf, high)
    place = int(found.argmin())
    return divmod(place, size) if float(found.min()) < float("inf") else None


def _said(tasks: Sequence[str], cosine: Tensor, error: Tensor, pair: tuple[int, int]) -> str:
    one, other = pair
    spread = float(error[pair])
    about = f" ± {spread:.2f}" if spread == spread else ""
    return f"{tasks[one]} and {tasks[other]} at a cosine of {float(cosine[pair]):.2f}{about}"


def _groups(cosine: Tensor, high: Tensor) -> tuple[list[int], list[int]] | None:
    """Two groups that are opposed, each of which agrees with itself; None if there are none."""
    known = cosine.nan_to_num()
    # Opposed groups are the signs of the direction in which cosines are largest.
    leading = torch.linalg.eigh(known)[1][:, -1].tolist()
    first = leading[0] >= 0
    one = [place for place, side in enumerate(leading) if (side >= 0) == first]
    other = [place for place, side in enumerate(leading) if (side >= 0) != first]
    if not other:
        return None
    within = [known[group][:, group].mean() for group in (one, other)]
    opposed = float(high[one][:, other].nanmean()) < OPPOSED
    return (one, other) if opposed and min(map(float, within)) > 0 else None
