"""A net of the transformers library, with or without its weights."""

import json
from typing import Any

import torch

from plait._errors import ConfigError, listing

from ._hf_config import plain_config
from ._hf_folder import PICTURE, TEXT, HfFolder, missing_extra
from ._hf_picture_config import POOLING, plain_picture_config
from ._quiet import quiet

ENCODER_DECODERS = ("t5", "mt5", "umt5")


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
    net = _built(plain, encoder, digest, picture=False)
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
    net = _built(plain, encoder, digest, picture=True)
    if POOLING[net.config.model_type] == "cls" and getattr(net, "pooler", None) is not None:
        net.pooler = None  # often not among the weights, and not asked here
    return net.train()


def _built(plain: str, encoder: str, digest: str | None, *, picture: bool) -> Any:
    what = "picture" if picture else "text"
    try:
        from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding
    except ImportError as error:
        raise missing_extra(encoder) from error
    try:
        checked = plain_picture_config if picture else plain_config
        told = json.loads(checked(json.loads(plain), encoder))
        family = told.pop("model_type")
        made = AutoModelForTextEncoding if family in ENCODER_DECODERS else AutoModel
        with quiet():
            config = AutoConfig.for_model(family, **told)
            if digest is None:
                return made.from_config(config, dtype=torch.float32, trust_remote_code=False)
            folder = HfFolder.of(encoder, PICTURE if picture else TEXT)
            spared = () if picture and POOLING[family] == "pooler" else ("pooler.",)
            return _read(made, config, folder, digest, spared)
    except ConfigError:
        raise
    except ImportError as error:
        raise missing_extra(encoder) from error
    except Exception as error:  # what the library raises for a wrong shape has no common type
        raise ConfigError(
            f"The encoder {encoder!r} should be a {what} encoder that the transformers library can "
            f"build. It says: {error}. Take another copy of it, or another encoder."
        ) from error


def _read(made: Any, config: Any, folder: HfFolder, digest: str, spared: tuple[str, ...]) -> Any:
    if folder.digest != digest:
        raise ConfigError(
            f"The weights of the encoder {folder.name!r} should be those that it was fitted with. "
            "They have another SHA-256 now. Bring the old ones back, or fit the schema once more."
        )
    net, found = made.from_pretrained(
        folder.path,
        config=config,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    missing = sorted(found["missing_keys"])
    lacking = [name for name in missing if not any(part in name for part in spared)]
    if lacking:
        raise ConfigError(
            f"The weights of the encoder {folder.name!r} should be complete. {len(lacking)} are "
            f"not in its folder: {listing(lacking, 3)}. Take another copy of it."
        )
    return net
