"""A check of weights that come from elsewhere."""

from collections.abc import Mapping

from torch import Tensor

from plait._errors import ConfigError, listing


def check_finite(state: Mapping[str, Tensor], encoder: str) -> None:
    """Refuse weights that would make every answer NaN, before the rows are blamed for it.

    Args:
        state: The weights by their names.
        encoder: What the user called it.

    Raises:
        ConfigError: If a number is infinite or NaN. The weights that hold it are named.
    """
    wrong = [
        name
        for name, each in state.items()
        if each.is_floating_point() and each.numel() and not _finite(each)
    ]
    if wrong:
        raise ConfigError(
            f"The weights of the encoder {encoder!r} should be finite numbers. {len(wrong)} of "
            f"{len(state)} hold NaN or infinity: {listing(wrong, 3)}. The file is damaged, or its "
            "training failed: take another copy."
        )


def _finite(weights: Tensor) -> bool:
    low, high = weights.detach().aminmax()  # NaN if one is; half the time of looking at each
    return bool(low.isfinite() and high.isfinite())
