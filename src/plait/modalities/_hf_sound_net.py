"""A net for sounds of the transformers library, with or without its weights."""

from typing import Any

from torch import nn

from plait._errors import ConfigError

from ._hf_load import HfKind, hf_load
from ._hf_sound_config import KINDS, plain_sound_config
from ._hf_tune import check_adapters

SOUND = {
    "config.json": "model and feature extractor",
    "preprocessor_config.json": "model and feature extractor",
}
"""What a folder holds beside weights, and what has to be saved to have it."""
# What is spared is not asked here.
SOUNDS = HfKind(
    "sound", plain_sound_config, SOUND, lambda family: ("masked_spec_embed", "decoder.")
)
BLOCKS = ("hubert", "unispeech", "unispeech-sat", "wav2vec2")
"""Families whose blocks take what the one below gives, and nothing else."""


def hf_sound_net(plain: str, encoder: str, digest: str | None) -> Any:
    """The net that a sound encoder is, in training mode.

    Args:
        plain: Its shape, as JSON.
        encoder: Where its weights are.
        digest: The SHA-256 that they should have; None leaves them out.

    Raises:
        ConfigError: If a package is missing, the weights are others or damaged, or the library
            cannot build it.
    """
    net = hf_load(plain, encoder, digest, SOUNDS)
    if getattr(net, "masked_spec_embed", None) is not None:
        net.masked_spec_embed = None  # what frames are masked with in a training of another kind
    return (net.get_encoder() if KINDS[net.config.model_type] == "whisper" else net).train()


def check_sound_tune(net: Any, tune: str, encoder: str) -> None:
    """Refuse what could not be built later, before any sound is read.

    Args:
        net: The net, which may lose its blocks.
        tune: ``"frozen"``, ``"last:k"``, ``"lora"`` or ``"full"``.
        encoder: What the user called it, for messages.

    Raises:
        ConfigError: If it cannot be tuned so.
    """
    if tune == "lora":
        if net.config.model_type == "wavlm":
            raise ConfigError(
                f"`tune='lora'` should be asked of an encoder that calls its queries and values. "
                f"That of {encoder!r} ('wavlm') reads their weights past any adapter. Take "
                "'frozen' or 'full'."
            )
        check_adapters(net, encoder)
    elif tune.startswith("last:"):
        cut_off_sound(net, tune, encoder)


def cut_off_sound(net: Any, tune: str, encoder: str) -> tuple[list[nn.Module], nn.Module | None]:
    """Take the last blocks out of a net, and the norm behind them, if there is one.

    Args:
        net: The net, which loses them.
        tune: How many, as ``"last:k"``.
        encoder: What the user called it, for messages.

    Raises:
        ConfigError: If there are not so many, or what they give depends on all places.
    """
    family, count = net.config.model_type, int(tune.partition(":")[2])
    if family not in BLOCKS:
        raise ConfigError(
            f"`tune='last:{count}'` should be asked of a sound encoder of one of these families: "
            f"{', '.join(BLOCKS)}. {encoder!r} is of {family!r}. Take 'frozen', 'lora' or 'full'."
        )
    blocks = list(net.encoder.layers)
    if count > len(blocks):
        raise ConfigError(
            f"`tune='last:k'` should be at most 'last:{len(blocks)}' for the encoder {encoder!r}, "
            f"which has so many blocks. Got 'last:{count}'."
        )
    keep = len(blocks) - count
    net.encoder.layers = nn.ModuleList(blocks[:keep])
    if not net.config.do_stable_layer_norm:
        return blocks[keep:], None
    norm, net.encoder.layer_norm = net.encoder.layer_norm, nn.Identity()
    return blocks[keep:], norm
