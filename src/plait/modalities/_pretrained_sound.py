"""Pretrained sound encoders."""

import json
from importlib.metadata import version
from pathlib import Path

from torch import nn

from ._blocks import Blocks
from ._ge2e_file import GE2E, Ge2eFile
from ._ge2e_frames import Ge2eFrames
from ._ge2e_net import ge2e_fit, ge2e_net
from ._hf_folder import PREFIX, HfFolder
from ._hf_sound_config import KINDS
from ._hf_sound_net import SOUND, cut_off_sound, hf_sound_net
from ._hf_tune import adapt
from ._pooled import Pooled
from ._pretrained_tune import LORA_PACE, PACE, decay_of
from ._projection import Projection
from ._sound_fit import SoundFit
from ._sound_frames import SoundFrames
from ._sound_net import SoundNet
from ._staged import Staged
from ._without_weights import weights_left_out

DECAY = 0.9
"""The usual share of the rate that a block takes of the one above it: between those of nets for
text and for pictures, as nobody has published one for sounds."""


def sound_fit(encoder: str, tune: str) -> SoundFit:
    """What has to be known of a pretrained encoder, by where it comes from.

    Raises:
        ConfigError: If there is no such encoder, it cannot be used or tuned so, or a package is
            missing.
    """
    return (ge2e_fit if encoder.startswith(GE2E) else SoundFit.of)(encoder, tune)


def sound_frames(fitted: SoundFit, encoder: str) -> SoundFrames | Ge2eFrames:
    """What brings samples to the form that the encoder was trained with."""
    return Ge2eFrames() if encoder.startswith(GE2E) else SoundFrames(fitted, encoder)


def sound_encoder_files(encoder: str) -> list[Path]:
    """The files of an encoder; of one that starts from nothing, none."""
    if encoder.startswith(GE2E):
        return [Ge2eFile.of(encoder).path]
    return HfFolder.of(encoder, SOUND).files if encoder.startswith(PREFIX) else []


def pretrained_sound(
    fitted: SoundFit, encoder: str, tune: str, decay: float | None, width: int
) -> nn.Module:
    """A pretrained encoder, from the frames of a sound to one token of the model.

    Args:
        fitted: What :class:`~plait.modalities.Audio` knows of it.
        encoder: Where its weights are.
        tune: ``"frozen"``, ``"last:k"``, ``"lora"`` or ``"full"``.
        decay: The share of the rate that a block takes of the one above it; None for the usual.
        width: Size of a token of the model.

    Returns:
        A :class:`Staged` encoder where a part of it stays as it is.

    Raises:
        ConfigError: If a package is missing, the weights are not those that were fitted, or the
            encoder cannot be tuned so.
    """
    digest, share = None if weights_left_out() else fitted.digest, decay_of(tune, decay, DECAY)
    if encoder.startswith(GE2E):
        voice, last = (
            ge2e_net(fitted.config, encoder, digest, share),
            Projection(fitted.features, width),
        )
        return (
            Staged(voice, last, fitted.config) if tune == "frozen" else nn.Sequential(voice, last)
        )
    net, told = hf_sound_net(fitted.config, encoder, digest), json.loads(fitted.processor)
    kind = KINDS[net.config.model_type]
    fill = None
    if kind == "spectrogram":  # zeros, before the scale
        fill = -told["mean"] / (2 * told["std"]) if told["do_normalize"] else 0.0
    last = Projection(fitted.features, width)
    pooled = nn.Identity() if kind == "spectrogram" else Pooled("mean")
    about = json.dumps(
        {"config": fitted.config, "processor": told, "version": version("transformers")}
    )
    if tune.startswith("last:"):
        blocks, norm = cut_off_sound(net, tune, encoder)
        reader = SoundNet(net, fitted.length, fill, PACE)
        tuned = nn.Sequential(Blocks(blocks, PACE, share, norm), pooled, last)
        return Staged(reader, tuned, about)
    if tune == "lora":
        adapt(net, encoder)
    pace = LORA_PACE if tune == "lora" else PACE
    reader = SoundNet(net, fitted.length, fill, pace, share)
    if tune == "frozen":
        return Staged(nn.Sequential(reader, pooled), last, about)
    return nn.Sequential(reader, pooled, last)
