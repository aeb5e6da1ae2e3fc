"""A net of the transformers library, with or without its weights."""

from typing import Any

from plait._errors import ConfigError

from ._hf_config import plain_config
from ._hf_folder import PICTURE, TEXT
from ._hf_load import HfKind, hf_load
from ._hf_picture_config import POOLING, plain_picture_config

# Poolers were trained for another task; only of some pictures are they asked.
TEXTS = HfKind("text", plain_config, TEXT, lambda family: ("pooler.",))
PICTURES = HfKind("picture", plain_picture_config, PICTURE,
                  lambda family: () if POOLING[family] == "pooler" else ("pooler.",))  # fmt: skip


def hf_net(plain: str, encoder: str, digest: str | None) -> Any:
    """The net that a text encoder is, in training mode.

    Args:
        plain: Its shape, as JSON.
        encoder: Where its weights are.
        digest: The SHA-256 that they should have; None leaves them out.

    Raises:
        ConfigError: If a package is missing, the weights are others or damaged, or the library
            cannot build it.
    """
    net = hf_load(plain, encoder, digest, TEXTS)
    padding, size = net.config.pad_token_id, net.config.vocab_size
    # The library takes a negative one, and fails as soon as there is padding.
    if padding is not None and not (isinstance(padding, int) and 0 <= padding < size):
        raise ConfigError(
            f"`pad_token_id` of the encoder {encoder!r} should be one of its tokens, from 0 to "
            f"{size - 1}. Found {padding!r} in its config. Take another copy of the folder."
        )
    if getattr(net, "pooler", None) is not None:
        net.pooler = None  # trained for another task, and not asked here
    return net.train()


def hf_picture_net(plain: str, encoder: str, digest: str | None) -> Any:
    """The net that a picture encoder is, in training mode.

    Args:
        plain: Its shape, as JSON.
        encoder: Where its weights are.
        digest: The SHA-256 that they should have; None leaves them out.

    Raises:
        ConfigError: If a package is missing, the weights are others or damaged, or the library
            cannot build it.
    """
    net = hf_load(plain, encoder, digest, PICTURES)
    if POOLING[net.config.model_type] == "cls" and getattr(net, "pooler", None) is not None:
        net.pooler = None  # often not among the weights, and not asked here
    return net.train()
