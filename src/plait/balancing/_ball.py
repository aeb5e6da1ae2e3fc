"""The problem behind CAGrad: the best worst case near the mean."""

import torch
from jaxtyping import Float
from torch import Tensor

from ._opaque import opaque

RIDGE, SLACK, NEAR = 1e-13, 1e-12, 1e-14


@opaque("(Tensor matrix, Tensor inverse, Tensor along, float radius) -> Tensor")
def ball(
    matrix: Float[Tensor, "size size"],
    inverse: Float[Tensor, " size"],
    along: Float[Tensor, " size"],
    radius: float,
) -> Float[Tensor, " size"]:
    """``z >= 0`` that lifts the least of all progress as far as a step of a given length can.

    For a bar ``t``, ``z(t)`` is the least that brings every task's progress to ``t``: a linear
    complementarity problem whose solution is piecewise linear in ``t``. How far it goes rises with
    ``t`` and is convex. One loop does both: places on the wrong side of the present bar change
    sides (see ``complementary``), and where there is none, the bar moves to where the present piece
    reaches the radius, or by a Newton step if that is off the piece. Both end after finitely many
    rounds.

    Args:
        matrix: The cosines of the gradients.
        inverse: One over their lengths; 0 for a gradient that is zero.
        along: The product of each direction with the mean gradient.
        radius: How far ``z`` goes: the root of ``z @ matrix @ z``.
    """
    size = len(matrix)
    eye = torch.eye(size, dtype=matrix.dtype, device=matrix.device)
    matrix = torch.add(matrix, eye, alpha=RIDGE)
    there = inverse > 0
    safe = torch.where(there, inverse, 1.0)
    # Below the first bar nothing has to be done; just above it, one task is lifted alone.
    start = torch.where(there, along / safe, torch.inf)
    first = start.argmin()
    basic = torch.arange(size, device=matrix.device) == first
    low = start.amin()
    high = tangent = torch.full_like(low, torch.inf)
    bar = low + radius / safe[first]
    least = torch.full_like(low, size + 1)
    tries = torch.full_like(low, 3)
    order = torch.arange(1, size + 1, device=matrix.device)
    sides = torch.stack([inverse, along], 1)
    here = matrix.device.type == "cpu"
    for _ in range(40 * size + 40 if here else 4 * size + 30):
        standing = basic[:, None]
        whole = torch.where(standing & basic, matrix, eye)
        both = torch.linalg.solve_ex(whole, torch.where(standing, sides, 0.0))[0]
        up, down = both.unbind(1)
        z = bar * up - down
        gap = torch.addmv(along, matrix, z) - bar * inverse
        reach = SLACK * (1 + z.abs().amax())
        wrong = there & (torch.where(basic, z, gap) < -reach)
        count = wrong.sum().to(least)
        if not here or bool(count == 0):
            square = z @ matrix @ z
            slope, middle, rest = up @ inverse, up @ along, down @ along
            inside = (middle.square() - slope * (rest - radius**2)).clamp(min=0)
            exact = (middle + inside.sqrt()) / slope
            far = square.sqrt()
            newton = bar + (radius - far) * far / (z @ inverse)
            fine = count == 0
            low = torch.where(fine & (far <= radius), torch.maximum(low, bar), low)
            high = torch.where(fine & (far >= radius), torch.minimum(high, bar), high)
            # A Newton step from above stays above; one from below may go past what is known.
            tangent = torch.where(fine & (far >= radius), newton, tangent)
            aim = torch.where((newton > low) & (newton < high), newton, tangent)
            aim = torch.where((exact > low) & (exact < high), exact, aim)
            aim = torch.where(aim.isfinite(), aim, bar)
            done = fine & (((exact - bar) * up).abs().amax() <= NEAR * (1 + z.abs().amax()))
            bar = torch.where(fine, aim, bar)
            least = torch.where(fine, torch.full_like(least, size + 1), least)
            tries = torch.where(fine, 3, tries)
            if here and bool(done):
                break
            if here:
                continue
        better = count < least
        least = torch.minimum(least, torch.where(count > 0, count, least))
        last = (wrong * order).amax() == order
        change = wrong & (better | (tries > 0) | last)
        tries = torch.where(better, 3, tries - 1)
        basic = basic ^ change
    return z.clamp(min=0) * there
