"""Counts that a user chose."""

from plait._errors import ConfigError


def at_least(least: int, name: str, count: int) -> int:
    """The count, if it is large enough.

    Raises:
        ConfigError: If it is not.
    """
    if count < least:
        raise ConfigError(
            f"`{name}` should be a whole number of at least {least}. Got {count}. Choose a larger "
            "one."
        )
    return count
