"""The equation behind Nash-MTL and FairGrad."""

import torch
from jaxtyping import Float
from torch import Tensor

from ._opaque import opaque

ROUNDS, NEAR, STILL = 40, 1e-12, 1e-6


@opaque("(Tensor matrix, Tensor given, float power) -> Tensor")
def bargain(
    matrix: Float[Tensor, "size size"], given: Float[Tensor, " size"], power: float
) -> Float[Tensor, " size"]:
    """``x > 0`` with ``matrix @ x = given / x ** power``; 0 where there is none.

    Newton's method on ``x`` and ``y = matrix @ x`` at once, both kept above zero, with the second
    equation in logarithms: with a power of 1, 3 to 10 rounds are usual. There is no solution if a
    weighted sum of rows is zero: ``x`` then grows without end, and the result is 0.

    Args:
        matrix: Positive semi-definite with a unit diagonal.
        given: Above zero.
        power: Above zero.
    """
    x = given ** (1 / (1 + power))
    y = x
    here = given.device.type == "cpu"
    for _ in range(ROUNDS):
        off, curve = matrix @ x - y, (y / given).log() + power * x.log()
        steep = power * y / x
        unit = (1 + steep).rsqrt()
        # Scaled to a unit diagonal, so that long and short are alike.
        whole = unit[:, None] * (matrix + torch.diag(steep)) * unit
        dx = torch.linalg.solve_ex(whole, -unit * (off + y * curve))[0] * unit
        dy = matrix @ dx + off
        most = torch.maximum((-dx / x).amax(), (-dy / y).amax())
        size = torch.where(most > 0.9, 0.9 / most, 1.0)
        moved = (dx / x).abs().amax()
        fine = moved.isfinite() & (x.sum() < 1e9 * given.sum())
        x, y = torch.where(fine, x + size * dx, x), torch.where(fine, y + size * dy, y)
        if here and not bool((moved > NEAR) & fine):
            break
    length, total = x @ matrix @ x, x.sum()
    return torch.where(length > (STILL * total).square(), x, 0.0)
