"""Equal projections on all gradients, behind IMTLG and ConFIG."""

import torch
from jaxtyping import Float
from torch import Tensor


def equal(
    lengths: Float[Tensor, " size"], cosines: Float[Tensor, "size size"]
) -> Float[Tensor, " size"]:
    """Weights of gradients of length 1 whose sum has a projection of 1 on each of them.

    Where there are none, for opposed gradients, those that come nearest, in least squares; of all
    that do as well, the smallest. 0 where even those do nothing.

    Args:
        lengths: Those of the gradients; one of zero is left out.
        cosines: The cosines between them.
    """
    values, vectors = torch.linalg.eigh(cosines)
    least = 1e-14 * len(values) * values.amax()
    kept = values > least
    one = (lengths > 0).to(cosines)
    parts = torch.where(kept, vectors.T @ one / torch.where(kept, values, 1.0), 0.0)
    found = torch.where(one > 0, vectors @ parts, 0.0)
    return torch.where(found.sum() > 1e-12 * one.sum(), found, 0.0)
