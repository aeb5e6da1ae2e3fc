"""Looking on while several tasks are trained."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from plait._errors import ConfigError

from ._check import check
from ._findings import Findings
from ._found import found
from ._look import Look


class Diagnosis:
    """Look at the gradients of several losses while they are trained, and say what they suggest.

    It changes nothing: no ``.grad`` is touched, and the graph is still there for the backward pass
    of the loop. Use it before choosing a balancer, with the sum as the loop's own rule, and again
    when one is chosen. A look at features costs the backward passes of the heads, one at all
    shared weights a backward pass of the network for each task; ``every`` makes it rare. Numbers
    stay on their device until :meth:`report`.

    Not for several processes, where each sees its own rows: look on in one of them.

    Args:
        tasks: The names of the tasks.
        every: In how many calls of :meth:`look` there is one.
        at: Where gradients are compared: ``"features"``, where heads begin; ``"shared"``, at all
            shared weights; ``"auto"``, at features if the graph shows one place where all heads
            begin.
        over: The shared weights at which they are compared; left out, all.

    Raises:
        ConfigError: If there is no task, or ``every`` or ``at`` cannot be.

    Source:
        The share of chance is that of McCandlish et al., *An Empirical Model of Large-Batch
        Training*, arXiv 1812.06162, appendix A.1, from two batches of one size in place of two
        sizes. The affinity is the first order of Fifty et al., *Efficiently Identifying Task
        Groupings*, arXiv 2109.04617, section 4, which takes the step and looks.

    Example:
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> watch = Diagnosis(["a", "b"])
        >>> for _ in range(3):
        ...     losses = {"a": 3 * w[0] ** 2, "b": (w[1] - w[0] + 1) ** 2}
        ...     watch.look(losses)
        ...     sum(losses.values()).backward()
        >>> watch.report().cosine[0][1]
        -0.7071...
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        every: int = 1,
        at: Literal["features", "shared", "auto"] = "auto",
        over: Iterable[Tensor] | None = None,
    ) -> None:
        if not tasks or len(set(tasks)) < len(tasks):
            raise ConfigError(
                "Diagnosis should have at least one task, each of a name of its own. Got "
                f"{list(tasks)}."
            )
        if every < 1:
            raise ConfigError(f"`every` of Diagnosis should be 1 step or more. Got {every}.")
        if at not in ("features", "shared", "auto"):
            raise ConfigError(
                f'`at` of Diagnosis should be "features", "shared" or "auto". Got {at!r}.'
            )
        self.tasks = tuple(tasks)
        self.over = None if over is None else list(over)  # it may be gone through only once
        self.every, self.at = every, "shared" if self.over else at
        self.calls = 0
        self._looks: list[tuple[int, Look]] = []
        self._noise: list[dict[str, tuple[Tensor, Tensor]]] = []
        self._last: Look | None = None

    def look(
        self, losses: Mapping[str, Tensor], *, features: Tensor | Sequence[Tensor] | None = None
    ) -> None:
        """Look at the gradients of a step, before its backward pass.

        Args:
            losses: A scalar for each task that has a label in this step.
            features: What all heads begin with; left out, it is found in the graph.

        Raises:
            ValueError: If a loss is of no task here, is no scalar or has no graph.
            ConfigError: If nothing is shared, or heads do not begin in one place.
        """
        step, self.calls = self.calls, self.calls + 1
        if step % self.every or len(losses) < 2:
            return
        check("Diagnosis", self.tasks, losses)
        at = self.at if features is None else "features"
        told = [features] if isinstance(features, Tensor) else features
        ordered = {name: losses[name] for name in self.tasks if name in losses}
        look = Look.of(ordered, at, told, self.over, "Diagnosis")
        before, self._last = self._last, look
        if before is not None and before.over and before.over == look.over:
            self._noise.append(self._compared(before, look))
        # The gradients are as large as the network, and needed no more than once.
        self._looks.append(
            (step, Look(look.names, look.losses, look.gramian, look.place, look.over))
        )

    def admit(self, tasks: Iterable[str]) -> None:
        """Take tasks in that were not named before.

        Args:
            tasks: Their names; those that are known stay.
        """
        self.tasks = tuple(dict.fromkeys((*self.tasks, *tasks)))

    def report(self, rate: float = 1.0) -> Findings:
        """All numbers so far.

        Args:
            rate: The learning rate, for the affinity between tasks; left out, it is that of a rate
                of 1.
        """
        count, size = len(self._looks), len(self.tasks)
        losses = torch.full((count, size), torch.nan, dtype=torch.float64)
        gramians = torch.full((count, size, size), torch.nan, dtype=torch.float64)
        for place, (_, look) in enumerate(self._looks):
            index = self._index(look)
            losses[place, index] = look.losses.cpu()
            gramians[place, index[:, None], index] = look.gramian.cpu()
        places = sorted({look.place for _, look in self._looks})
        steps = [step for step, _ in self._looks]
        return found(
            self.tasks, " and ".join(places), steps, losses, gramians, self._chance(), rate
        )

    def _compared(self, before: Look, after: Look) -> dict[str, tuple[Tensor, Tensor]]:
        """What each gradient has in common with that of the look before, and their mean square."""
        assert before.rows is not None
        assert after.rows is not None
        both = {}
        for name in set(before.names) & set(after.names):
            one, other = before.names.index(name), after.names.index(name)
            common = before.rows[one] @ after.rows[other]
            both[name] = common, (before.gramian[one, one] + after.gramian[other, other]) / 2
        return both

    def _chance(self) -> Tensor | None:
        if not self._noise:
            return None
        shares = torch.full((len(self.tasks),), torch.nan, dtype=torch.float64)
        for place, name in enumerate(self.tasks):
            known = [pair[name] for pair in self._noise if name in pair]
            pairs = [(float(common), float(square)) for common, square in known]
            pairs = [pair for pair in pairs if all(map(math.isfinite, pair))]
            square = sum(each for _, each in pairs)
            if square > 0:
                shares[place] = 1 - sum(each for each, _ in pairs) / square
        return shares.clamp(0, 1)

    def _index(self, look: Look) -> Tensor:
        return torch.tensor([self.tasks.index(name) for name in look.names])
