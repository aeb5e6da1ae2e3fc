"""Which tasks are in a step, on the host."""

from collections.abc import Sequence

from ._step import Step


def places(step: Step, tasks: int) -> Sequence[int]:
    """Where the tasks that are there stand among the balancer's.

    A device is waited for only where some are absent.

    Args:
        step: What is known of the step.
        tasks: How many the balancer has.
    """
    return range(tasks) if len(step.index) == tasks else step.index.tolist()
