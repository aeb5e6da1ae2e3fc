"""Options that several balancers have."""

import math
from collections.abc import Mapping, Sequence

from plait._errors import ConfigError, suggestion


def per_task(
    tasks: Sequence[str], owner: str, option: str, given: Mapping[str, float], otherwise: float
) -> list[float]:
    """A number for each task, in order.

    Args:
        tasks: The names of the tasks.
        owner: Whose option it is.
        option: Its name.
        given: The numbers by task.
        otherwise: That of a task that is not named.

    Raises:
        ConfigError: If a task is not there, or a number is not finite or below zero.
    """
    for name, value in given.items():
        if name not in tasks:
            raise ConfigError(
                f"`{option}` of {owner} should name the tasks {list(tasks)}. Got {name!r}."
                f"{suggestion(name, tasks)}"
            )
        if not (math.isfinite(value) and value >= 0):
            raise ConfigError(
                f"`{option}` of {owner} should be 0 or more for {name!r}. Got {value!r}."
            )
    return [float(given.get(name, otherwise)) for name in tasks]


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
    if not (math.isfinite(value) and low <= value <= high):
        bounds = f"between {low:g} and {high:g}" if high < math.inf else f"{low:g} or more"
        raise ConfigError(f"`{option}` of {owner} should be {bounds}. Got {value!r}.")
    return float(value)


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
