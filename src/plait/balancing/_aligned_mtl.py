"""AlignedMTL: gradients made orthogonal and equally long, with the least change."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._gradient_balancer import GradientBalancer
from ._lcp import scaled, unscaled
from ._polar import inverse_root
from ._step import Step


class AlignedMTL(GradientBalancer):
    """Replace gradients by the orthogonal ones of equal length that lie nearest, and add up.

    Use it where both conflict and a gap in size disturb: neither is left. Not with tasks that say
    nearly the same, or with one short gradient: the length of the result is that of what is
    least in the gradients, so steps get short.

    Args:
        tasks: The names of the tasks.
        scale: The length of the new gradients, from the singular values of the old: their
            ``"min"``, as in the paper, ``"median"`` or ``"rmse"``, the root of their mean square.
        at: Where gradients are compared; see :class:`GradientBalancer`.

    Raises:
        ConfigError: If ``scale`` is none of these.

    Source:
        Senushkin et al., *Independent Component Alignment for Multi-Task Learning*, CVPR 2023,
        arXiv 2305.19000, algorithm 1, all tasks of importance 1 as in the published code. Where
        gradients are independent (the least eigenvalue of the cosines is 1e-8 or more), roots are
        exact for lengths of any spread; otherwise as published, from eigenvalues, of which those
        below rounding are left out.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> weights = AlignedMTL(["a", "b"]).backward({"a": 3 * w[0], "b": w[1]})
        >>> w.grad
        tensor([1., 1.])
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        scale: Literal["min", "median", "rmse"] = "min",
        at: Literal["shared", "features"] = "shared",
    ) -> None:
        super().__init__(tasks, at=at)
        if scale not in ("min", "median", "rmse"):
            raise ConfigError(
                f'`scale` of AlignedMTL should be "min", "median" or "rmse". Got {scale!r}.'
            )
        self.scale = scale

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """The inverse root of the Gramian, times a length."""
        assert step.gramian is not None
        lengths, cosines = scaled(step.gramian)
        longest = lengths.amax()
        longest = torch.where(longest > 0, longest, 1.0)
        lengths = lengths / longest
        whole = lengths[:, None] * cosines * lengths
        values, vectors = torch.linalg.eigh(whole)
        kept = values > len(values) * torch.finfo(values.dtype).eps * values.amax()
        roots = torch.where(kept, values, 1.0).sqrt()
        plain = (vectors / roots * kept) @ vectors.sum(0)
        plain = plain * self._length(torch.where(kept, roots, 0.0), kept)
        well = (torch.linalg.eigvalsh(cosines)[0] > 1e-8) & (lengths > 0).all()
        one = torch.eye(len(lengths), dtype=lengths.dtype, device=lengths.device)
        rows, roots = inverse_root(torch.where(well, lengths, 1.0), torch.where(well, cosines, one))
        exact = unscaled(rows.sum(1) * self._length(roots, torch.ones_like(kept)), lengths)
        return torch.where(well, exact, plain)

    def _length(
        self, roots: Float[Tensor, " size"], kept: Float[Tensor, " size"] | Tensor
    ) -> Float[Tensor, ""]:
        """The length of the new gradients; singular values rise, and those left out come first."""
        count = kept.sum().clamp(min=1)
        if self.scale == "rmse":
            return (roots.square().sum() / count).sqrt()
        place = len(roots) - count
        if self.scale == "median":
            place = place + (count - 1) // 2
        return roots.gather(0, place.clamp(max=len(roots) - 1)[None])[0]
