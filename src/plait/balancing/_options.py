"""Options that several balancers have."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from plait._errors import ConfigError, suggestion

TINY = 1e-300
"""Preferences whose sum is less are all zero: what is there then pulls at nothing."""


def per_task(
    tasks: Sequence[str],
    owner: str,
    option: str,
    given: Mapping[str, float],
    otherwise: float,
    low: float = 0.0,
) -> list[float]:
    """A number for each task, in order.

    Args:
        tasks: The names of the tasks.
        owner: Whose option it is.
        option: Its name.
        given: The numbers by task.
        otherwise: That of a task that is not named.
        low: The least that is allowed.

    Raises:
        ConfigError: If a task is not there, or a number is not finite or too low.
    """
    for name, value in given.items():
        if name not in tasks:
            raise ConfigError(
                f"`{option}` of {owner} should name the tasks {list(tasks)}. Got {name!r}."
                f"{suggestion(name, tasks)}"
            )
        if not (_finite(value) and value >= low):
            bounds = f"{low:g} or more" if low > -math.inf else "finite"
            raise ConfigError(
                f"`{option}` of {owner} should be {bounds} for {name!r}. Got {value!r}."
            )
    return [float(given.get(name, otherwise)) for name in tasks]


def preferences(tasks: Sequence[str], owner: str, given: Mapping[str, float] | None) -> list[float]:
    """How much each task counts, in order; one that is not named has 1.

    Args:
        tasks: The names of the tasks.
        owner: Whose option it is.
        given: The numbers by task.

    Raises:
        ConfigError: If one is below zero or of no task, or all are zero.
    """
    found = per_task(tasks, owner, "preference", given or {}, 1.0)
    if not any(found):
        raise ConfigError(
            f"`preference` of {owner} should be above zero for some task. Got {given}. Leave it "
            "out to count all tasks alike."
        )
    return found


def number(owner: str, option: str, value: float, low: float, high: float = math.inf) -> float:
    """A number between two bounds, of which the lower is not allowed if it is zero and open.

    Args:
        owner: Whose option it is.
        option: Its name.
        value: What was given.
        low: The least that is allowed.
        high: The most.

    Raises:
        ConfigError: If it is none.
    """
    if not (_finite(value) and low <= value <= high):
        bounds = f"between {low:g} and {high:g}" if high < math.inf else f"{low:g} or more"
        raise ConfigError(f"`{option}` of {owner} should be {bounds}. Got {value!r}.")
    return float(value)


def _finite(value: Any) -> bool:
    """Whether it is a number, and a finite one."""
    try:
        return math.isfinite(value)
    except TypeError:
        return False


def whole(owner: str, option: str, value: int, low: int) -> int:
    """A whole number that is not too small.

    Args:
        owner: Whose option it is.
        option: Its name.
        value: What was given.
        low: The least that is allowed.

    Raises:
        ConfigError: If it is none.
    """
    if not isinstance(value, int) or value < low:
        raise ConfigError(
            f"`{option}` of {owner} should be a whole number, {low} or more. Got {value!r}."
        )
    return value
