"""On-the-fly gradient modulation with generalization enhancement."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from plait._errors import ConfigError

from ._base import Balance, Encoders, ModalityBalancer
from ._grads import apart
from ._step import View, ViewLosses


class OGMGE(ModalityBalancer):
    """Slow down the encoder of the input that does best alone, and shake all of them a little.

    How well an input does alone is the mean probability that it gives to the right answer. One
    that does better than the mean of the others, by a ratio ``r > 1``, has its gradient multiplied
    by ``1 - tanh(alpha * r)``. Then noise of the gradient's own spread is added to every encoder.

    Use it where one input drowns another in training and both matter. It trains on the joint loss
    only, so the answers of single inputs mean something only as far as training hides inputs
    (``training.input_dropout``); where that is off, take :class:`Auxiliary`.

    Args:
        inputs: The names of the inputs.
        tasks: The names of the tasks.
        alpha: How strongly to slow down.
        noise: Whether to add noise (OGM-GE) or not (OGM).

    Raises:
        ConfigError: If ``alpha`` is negative.

    Source:
        Peng et al., *Balanced Multimodal Learning via On-the-fly Gradient Modulation*, CVPR 2022
        (arXiv 2203.15332), equations 9 to 11. Deviations: for more than two inputs the ratio is
        that to the mean of the others; with several tasks the probabilities are averaged, and for
        tasks that are no classification ``exp(-error)`` takes their place; single inputs are read
        from masked answers, since not every fusion is a sum; all weights of an encoder are
        modulated, where the authors' code takes the convolutions only; it is done throughout.

    Example:
        >>> balancer = OGMGE(["a", "b"], ["y"], alpha=0.5)
        >>> trust = {("a",): {"y": torch.tensor(0.8)}, ("b",): {"y": torch.tensor(0.4)}}
        >>> {name: round(float(k), 3) for name, k in balancer.coefficients(trust).items()}
        {'a': 0.238, 'b': 1.0}
    """

    TRUSTS = True

    def __init__(
        self,
        inputs: Sequence[str],
        tasks: Sequence[str],
        *,
        alpha: float = 0.3,
        noise: bool = True,
    ) -> None:
        super().__init__(inputs, tasks)
        if not 0 <= alpha < float("inf"):
            raise ConfigError(f"`alpha` should be a number of 0 or more. Got {alpha!r}.")
        self.alpha, self.noise = alpha, noise

    def coefficients(self, trust: Mapping[View, Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """By how much the gradient of each encoder is multiplied, where a row has its input.

        Args:
            trust: For each view and task the mean probability of the right answer.
        """
        seen = {
            name: torch.stack(list(trust[name,].values())).mean()
            for name in self.inputs
            if trust.get((name,))
        }
        if len(seen) < 2:
            return {name: torch.ones_like(score) for name, score in seen.items()}
        scores = torch.stack(list(seen.values()))
        others = (scores.sum() - scores) / (len(scores) - 1)
        ratio = scores / others.clamp(min=torch.finfo(scores.dtype).tiny)
        found = torch.where(ratio > 1, 1 - torch.tanh(self.alpha * ratio), 1.0)
        return dict(zip(seen, found, strict=True))

    def backward(self, step: ViewLosses, encoders: Encoders, balance: Balance) -> dict[str, Tensor]:
        """One backward pass of the joint loss, and the encoders' gradients modulated."""
        every = list({id(each): each for some in encoders.values() for each in some}.values())
        with apart(every):
            weights = balance(step.losses.get(self.inputs, {}))
            for name, factor in self.coefficients(step.trust).items():
                for each in encoders.get(name, ()):
                    self._modulate(each, factor)
        return weights

    @torch.no_grad()
    def _modulate(self, weight: nn.Parameter, factor: Tensor) -> None:
        grad = weight.grad
        if grad is None:
            return
        new = grad * factor.to(grad.dtype)
        if self.noise and grad.numel() > 1:
            new = new + torch.randn_like(grad) * grad.std()
        weight.grad = new
