"""Nets of the transformers library, built and filled."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from plait._errors import ConfigError, listing

from ._finite import check_finite
from ._hf_folder import HfFolder, missing_extra
from ._quiet import quiet

ENCODER_DECODERS = ("t5", "mt5", "umt5")


@dataclass(frozen=True)
class HfKind:
    """How nets of one kind are loaded.

    Args:
        what: What they read, for messages.
        checked: From a config and a name to the shape alone, as JSON; refuses other kinds.
        parts: What a folder holds beside weights.
        spared: From a family to parts of names of weights that a folder may lack.
    """

    what: str
    checked: Callable[[Mapping[str, Any], str], str]
    parts: Mapping[str, str]
    spared: Callable[[str], tuple[str, ...]]


def hf_load(plain: str, encoder: str, digest: str | None, kind: HfKind) -> Any:
    """A net of the transformers library, as it is found there.

    Args:
        plain: Its shape, as JSON.
        encoder: Where its weights are.
        digest: The SHA-256 that they should have; None leaves them out.
        kind: Of which kind it is.

    Raises:
        ConfigError: If a package is missing, the weights are others or damaged, or the library
            cannot build it.
    """
    try:
        from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding
    except ImportError as error:
        raise missing_extra(encoder) from error
    try:
        told = json.loads(kind.checked(json.loads(plain), encoder))
        family = told.pop("model_type")
        made = AutoModelForTextEncoding if family in ENCODER_DECODERS else AutoModel
        with quiet():
            config = AutoConfig.for_model(family, **told)
            if digest is None:
                return made.from_config(config, dtype=torch.float32, trust_remote_code=False)
            folder = HfFolder.of(encoder, kind.parts)
            return _read(made, config, folder, digest, kind.spared(family))
    except ConfigError:
        raise
    except ImportError as error:
        raise missing_extra(encoder) from error
    except Exception as error:  # what the library raises for a wrong shape has no common type
        raise ConfigError(
            f"The encoder {encoder!r} should be a {kind.what} encoder that the transformers "
            f"library can build. It says: {error}. Take another copy of it, or another encoder."
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
    # Other buffers may hold an infinity on purpose, such as masks.
    norms = {name: each for name, each in net.named_buffers() if "running_" in name}
    check_finite({**dict(net.named_parameters()), **norms}, folder.name)
    return net
