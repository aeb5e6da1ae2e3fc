"""Look first, then decide."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait._errors import ConfigError

from ._advice import alike
from ._base import Balancer
from ._famo import FAMO
from ._findings import Findings
from ._found import found
from ._nash_mtl import NashMTL
from ._places import places
from ._step import Step

METHODS: tuple[type[Balancer], ...] = (FAMO, NashMTL)
"""What may be chosen beside a sum with fixed weights."""


class Auto(Balancer):
    """Train by the sum for a while and look at gradients, then decide on a method and keep to it.

    Use it if you do not want to choose: it takes the sum, and says so, where no balancer is likely
    to help, which is often. Not where the probe is a good part of the training (a few hundred
    steps), or where what pulls apart changes late: then look yourself, with :class:`Diagnosis`,
    and choose. It never trains twice: the probe is the beginning of the training.

    What comes after the probe is made as long as the sum of the gradients was, by one factor that
    is found once: Adam would hardly move for long if gradients suddenly were shorter.

    In the probe a look costs the backward passes of the heads where these begin in one place,
    else a backward pass of the network for each task; other steps cost what the sum costs. After it
    so does all but ``NashMTL``, which looks at gradients in each step, in the same place.

    Args:
        tasks: The names of the tasks.
        probe: After how many steps it decides.
        every: In how many steps of the probe there is a look.

    Raises:
        ConfigError: If there are fewer than three looks in a probe.

    Source:
        Ours. From a probe to fixed weights goes AutoScale, arXiv 2508.13979; the rules, and the
        runs on which they were tried, are in ``docs/balancing/choosing.md``.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> balancer = Auto(["a", "b"], probe=6, every=2)
        >>> for _ in range(6):
        ...     weights = balancer.backward({"a": w[0] ** 2, "b": (w[0] + w[1]) ** 2})
        >>> balancer.choice, balancer.sentence[:13]
        ('Sum', 'Keep the sum,')
    """

    lenient = True

    def __init__(self, tasks: Sequence[str], *, probe: int = 100, every: int = 5) -> None:
        super().__init__(tasks)
        if every < 1 or probe <= 2 * every:
            raise ConfigError(
                "`probe` of Auto should leave room for three looks, one in `every` steps. Got "
                f"probe={probe} and every={every}."
            )
        self.probe, self.every = probe, every
        looks, size = -(-probe // every), len(self.tasks)
        nothing = torch.full((looks, size), torch.nan, dtype=torch.float64)
        self.register_buffer("losses", nothing)
        self.register_buffer("gramians", nothing[:, :, None].expand(-1, -1, size).clone())
        self.register_buffer("fixed", torch.ones(size, dtype=torch.float64))
        self.losses: Tensor
        self.gramians: Tensor
        self.register_buffer("scale", torch.zeros((), dtype=torch.float64))
        self.fixed: Tensor
        self.scale: Tensor
        self.methods = nn.ModuleDict({kind.__name__: kind(self.tasks) for kind in METHODS})
        self.choice: str | None = None
        """The method that was decided on; None in the probe."""
        self.needs, self.at = "gramian", "auto"

    @property
    def findings(self) -> Findings:
        """What was seen in the probe so far."""
        seen = (~self.losses.isnan()).any(1).cpu()
        steps = [place * self.every for place, flag in enumerate(seen.tolist()) if flag]
        losses, gramians = self.losses.cpu()[seen], self.gramians.cpu()[seen]
        return found(self.tasks, "", steps, losses, gramians)

    @property
    def sentence(self) -> str:
        """What was decided and why, with numbers."""
        if self.choice is None:
            return (
                f"The sum so far: nothing is decided before step {self.probe} (this is step "
                f"{self.steps})."
            )
        return self.findings.sentence

    @property
    def method(self) -> Balancer | None:
        """The method that was decided on; None for a sum, as in the probe."""
        chosen = dict(self.methods.items()).get(self.choice or "")
        assert chosen is None or isinstance(chosen, Balancer)
        return chosen

    def weights(self, step: Step) -> Float[Tensor, " present"]:
        """Those of the sum in the probe, of the method after it."""
        if self.choice is None and step.gramian is not None:
            place = self.steps // self.every
            self.losses[place, step.index] = step.losses
            self.gramians[place, step.index[:, None], step.index] = step.gramian
        if self.method is None:
            return self.fixed[step.index]
        weights = self.method.weights(step)
        self.method.held[step.index] = weights
        self.method.known = self.method.known.union(places(step, len(self.tasks)))
        # An optimizer such as Adam goes by how long gradients were: a sudden end of long ones would
        # stop it for a thousand steps. The first result is made as long as the sum was.
        seen = self.gramians.nanmean(0).nan_to_num()[step.index[:, None], step.index]
        self.scale.copy_(torch.where(self.scale > 0, self.scale, alike(weights, seen)))
        return weights * self.scale

    def private(self, step: Step) -> Float[Tensor, " present"] | None:
        """As the method says."""
        return None if self.method is None else self.method.private(step)

    def direction(self, step: Step) -> Float[Tensor, " numbers"] | None:
        """As the method says."""
        return None if self.method is None else self.method.direction(step)

    def due(self) -> bool:
        """Once in ``every`` steps of the probe; then as the method says."""
        if self.choice is None:
            return self.steps % self.every == 0
        return self.method is None or self.method.due()

    def end_step(self) -> None:
        """Decide, where the probe is over."""
        super().end_step()
        if self.choice is None and self.steps >= self.probe:
            told = self.findings
            if told.weights is not None:
                self.fixed.copy_(self.fixed.new_tensor(told.weights))
            self._take(told.suggests)
        self._follow()

    def end_epoch(self) -> None:
        """Tell the method."""
        if self.method is not None:
            self.method.end_epoch()

    def get_extra_state(self) -> Tensor:
        """The counters, with what was decided."""
        places = [None, "Sum", *self.methods]
        return torch.cat([super().get_extra_state(), torch.tensor([places.index(self.choice)])])

    def set_extra_state(self, state: Tensor) -> None:
        """Take the counters from :meth:`get_extra_state`."""
        super().set_extra_state(state[:-1])
        self._take([None, "Sum", *self.methods][int(state[-1])])
        self._follow()

    def _take(self, choice: str | None) -> None:
        self.choice = choice
        if choice is None:
            self.needs, self.at = "gramian", "auto"
        elif self.method is None:
            self.needs, self.at = "losses", "losses"
        else:
            self.needs = self.method.needs
            self.at = "losses" if self.needs == "losses" else "auto"

    def _follow(self) -> None:
        if self.method is not None:
            self.method.steps = self.steps  # what is random in it follows from its own
