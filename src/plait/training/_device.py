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
