"""The inverse root of a Gramian, whatever the lengths of the gradients."""

import torch
from jaxtyping import Float
from torch import Tensor

from ._opaque import opaque

ROUNDS = 12


def inverse_root(
    lengths: Float[Tensor, " size"], cosines: Float[Tensor, "size size"]
) -> tuple[Float[Tensor, "size size"], Float[Tensor, " size"]]:
    """The inverse root of ``G = L C L``, rows times ``L``; and the singular values, rising.

    Eigenvalues of ``G`` itself lose those that are 1e16 times smaller than the largest, which is
    but 1e8 in lengths. From a root ``R`` of the cosines, the orthogonal factor of ``R L`` comes
    by Newton's iteration, which does not mind the lengths.

    Args:
        lengths: Those of the gradients, above zero.
        cosines: Positive definite.

    Source:
        Higham, *Computing the Polar Decomposition, with Applications*, SIAM J. Sci. Stat.
        Comput. 7 (1986).
    """
    root = torch.linalg.cholesky_ex(cosines, upper=True)[0]
    start = root * lengths
    x = orthogonal(start)
    rows = torch.linalg.solve_triangular(root, x, upper=True)
    lows, highs = torch.linalg.eigvalsh(
        torch.stack([_even(start.T @ x), _even(rows / lengths[:, None])])
    ).unbind()
    highs = 1 / highs.flip(0)
    # Each is exact relative to the largest of its own.
    middle = (lows[-1] * highs[0]).sqrt()
    return rows, torch.where(lows > middle, lows, highs)


@opaque("(Tensor given) -> Tensor")
def orthogonal(given: Float[Tensor, "size size"]) -> Float[Tensor, "size size"]:
    """The orthogonal matrix that lies nearest, by Newton's iteration, in 3 to 9 rounds.

    Args:
        given: Not singular, though its columns may be of very different lengths.
    """
    x, here = given, given.device.type == "cpu"
    for _ in range(ROUNDS):
        back = torch.linalg.inv_ex(x)[0]
        ones, tops = x.abs().sum(0).amax(), x.abs().sum(1).amax()
        ones_back, tops_back = back.abs().sum(0).amax(), back.abs().sum(1).amax()
        scale = (ones_back * tops_back / (ones * tops)) ** 0.25
        before = x
        x = (scale * x + back.T / scale) / 2
        # Convergence is quadratic: after a change of 1e-9 it is over.
        if here and bool((x - before).abs().amax() < 1e-9):
            break
    return x


def _even(matrix: Tensor) -> Tensor:
    return (matrix + matrix.T) / 2
