"""What numbers about gradients suggest."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

LOOKS = 3
GAP = 10.0
AGAINST = -0.1
OPPOSED = -0.5
MANY = 16


@dataclass(frozen=True)
class Advice:
    """A method, and why.

    Args:
        method: The name of a balancer.
        sentence: Why it, with numbers.
        weights: Fixed weights that make gradients about equally long, where that is the advice.
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
            f"Keep the sum: in {looks} looks there were gradients of two tasks to compare, which "
            f"is too few to say more (it takes {LOOKS}).",
        )
    least, pair = _least(cosine + 2 * error.nan_to_num())
    against = _against(tasks, cosine, error, pair) if pair else ""
    groups = _groups(cosine, error)
    if groups:
        one, other = (", ".join(tasks[place] for place in group) for group in groups)
        return Advice(
            "Sum",
            f"No balancer is likely to help: {one} and {other} want opposite things from what they "
            f"share ({against}), so that whatever one gains the other loses. Give each group a "
            "network of its own, or let them share less (CGC or PLE in plait.sharing).",
        )
    if len(tasks) > MANY:
        return Advice(
            "FAMO",
            f"FAMO: with {len(tasks)} tasks the time for their gradients is better spent on more "
            f"steps, and it evens out how fast losses fall at the price of the sum (gradients "
            f"differ {ratio:.3g}-fold in length).",
        )
    if least < AGAINST:
        return Advice(
            "IMTLG",
            f"IMTLG: {against}, in more than chance, and it is the direction in which all tasks "
            "gain alike. Separate experts (CGC or PLE in plait.sharing) are the other remedy.",
        )
    if ratio >= GAP:
        found = torch.where(lengths > 0, lengths, torch.nan)
        raw = (1 / found).nan_to_num(nan=1.0)
        weights = tuple((raw * len(raw) / raw.sum()).tolist())
        low, high = tasks[int(lengths.argmin())], tasks[int(lengths.argmax())]
        return Advice(
            "Sum",
            f"The sum with fixed weights: the gradient of {high} is {ratio:.3g} times as long as "
            f"that of {low}, but no two tasks pull apart beyond chance"
            f"{f' (the worst: {against})' if against else ''}. Scale is all there is to balance.",
            weights,
        )
    return Advice(
        "Sum",
        f"Keep the sum, no balancer is likely to help: gradients differ {ratio:.2g}-fold in length "
        f"(a balancer pays from about {GAP:g}), and no two tasks pull apart beyond chance"
        f"{f' (the worst: {against})' if against else ''}.",
    )


def _least(found: Tensor) -> tuple[float, tuple[int, int] | None]:
    size = len(found)
    apart = torch.where(torch.eye(size, dtype=torch.bool) | found.isnan(), torch.inf, found)
    place = int(apart.argmin())
    least = float(apart.reshape(-1)[place])
    return least, (divmod(place, size) if least < float("inf") else None)


def _against(tasks: Sequence[str], cosine: Tensor, error: Tensor, pair: tuple[int, int]) -> str:
    one, other = pair
    spread = float(error[one, other])
    about = f" ± {spread:.2f}" if spread == spread else ""
    return f"{tasks[one]} and {tasks[other]} at a cosine of {float(cosine[one, other]):.2f}{about}"


def _groups(cosine: Tensor, error: Tensor) -> tuple[list[int], list[int]] | None:
    """Two groups that are opposed, each of which agrees with itself; None if there are none."""
    known = torch.where(cosine.isnan(), 0.0, cosine)
    # Opposed groups are the signs of the direction in which cosines are largest.
    leading = torch.linalg.eigh(known)[1][:, -1]
    one = [place for place, side in enumerate(leading.tolist()) if side >= 0]
    other = [place for place, side in enumerate(leading.tolist()) if side < 0]
    if not one or not other:
        return None
    high = cosine + 2 * error.nan_to_num()
    across = high[one][:, other]
    within = [cosine[group][:, group].nanmean() for group in (one, other)]
    if float(across.nanmean()) < OPPOSED and min(map(float, within)) > 0:
        return one, other
    return None
