"""A file of weights."""

from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from plait._errors import ConfigError
from plait.data._safe import check_header

WITHIN = ("state_dict", "model_state")
"""Where a checkpoint keeps the weights, beside what its training needed."""


def tensors_of(path: Path, encoder: str) -> dict[str, Tensor]:
    """The weights of a file: safetensors, or what torch saved, read as plain tensors.

    Nothing in it is run.

    Args:
        path: The file.
        encoder: What the user called it, for messages.

    Raises:
        ConfigError: If it cannot be read, or holds something else.
    """

    def refusal(why: str) -> ConfigError:
        return ConfigError(
            f"The weights of the encoder {encoder!r} should be a table of tensors in "
            f"{str(path)!r}. {why}. Take another copy, as safetensors at best."
        )

    try:
        if path.suffix == ".safetensors":
            check_header(path)
            return safetensors.torch.load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, ValueError, RuntimeError, EOFError, KeyError, SafetensorError) as error:
        raise refusal(f"It cannot be read: {error}") from error
    except Exception as error:  # pickle's own, which this package does not name
        raise refusal(f"It holds more than tensors: {error}") from error
    if isinstance(found, dict):
        inner = [found[key] for key in WITHIN if isinstance(found.get(key), dict)]
        found = inner[0] if inner else found
    if not isinstance(found, dict) or not all(isinstance(x, Tensor) for x in found.values()):
        raise refusal("It holds something else")
    return found
