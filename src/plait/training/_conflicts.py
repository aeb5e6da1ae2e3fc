"""How often tasks pulled apart."""

from dataclasses import dataclass

from torch import Tensor

from plait.balancing import Balancer, Report


@dataclass
class Conflicts:
    """The share of pairs of tasks whose gradients conflict, over the steps that looked at them.

    Args:
        total: The sum of the shares, on their device.
        steps: How many steps there were.
        seen: The last report that was counted.
    """

    total: Tensor | None = None
    steps: int = 0
    seen: Report | None = None

    def add(self, balancer: Balancer) -> None:
        """Count the last step of a balancer, unless it was counted or looked at no gradient."""
        report = balancer.last
        if report is None or report is self.seen:
            return
        self.seen, share = report, report.conflicts
        if share is not None:
            self.total = share if self.total is None else self.total + share
            self.steps += 1

    @property
    def mean(self) -> float | None:
        """The mean share; None where no step looked at gradients."""
        return None if self.total is None else float(self.total) / self.steps
