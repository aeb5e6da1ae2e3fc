"""Where to compute."""

import torch

from plait._errors import ConfigError


def usable(device: str) -> None:
    """Check that a device is here.

    Raises:
        ConfigError: If it is not.

    Example:
        >>> usable("cpu")
    """
    try:
        torch.zeros(1, device=device).sum()
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            "`device` should be 'auto', or a device that is here: 'cpu', 'cuda', 'cuda:1', "
            f"'mps'. Got {device!r}: {str(error).splitlines()[0]}"
        ) from error


def seed(device: str, number: int) -> None:
    """Let all randomness of a device begin at a number; other devices are left alone."""
    if torch.device(device).type == "cpu":
        torch.default_generator.manual_seed(number)
    else:
        torch.manual_seed(number)
