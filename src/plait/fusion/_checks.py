"""Options that several fusions refuse in the same words."""

from plait._errors import ConfigError


def checked_heads(width: int, heads: int) -> None:
    """Refuse a width that the heads do not divide.

    Raises:
        ConfigError: If ``width`` is not a multiple of ``heads``.
    """
    if heads < 1 or width % heads:
        raise ConfigError(
            f"`width` should be a multiple of `heads`. Got width={width} and heads={heads}. "
            "Choose another width, or other heads."
        )


def checked_count(name: str, value: int) -> None:
    """Refuse a count below one.

    Raises:
        ConfigError: If ``value`` is below one.
    """
    if value < 1:
        raise ConfigError(f"`{name}` should be at least 1. Got {value}. Choose a larger number.")
