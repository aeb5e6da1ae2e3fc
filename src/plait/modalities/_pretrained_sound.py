"""Pretrained sound encoders."""

import json
from importlib.metadata import version

from torch import nn

from ._blocks import Blocks
from ._hf_sound_config import KINDS
from ._hf_sound_net import cut_off_sound, hf_sound_net
from ._hf_tune import adapt
from ._pooled import Pooled
from ._pretrained_tune import LORA_PACE, PACE, decay_of
from ._projection import Projection
from ._sound_fit import SoundFit
from ._sound_net import SoundNet
from ._staged import Staged
from ._without_weights import weights_left_out

DECAY = 0.9
"""The usual share of the rate that a block takes of the one above it: between those of nets for
text and for pictures, as nobody has published one for sounds."""


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
    net = hf_sound_net(fitted.config, encoder, None if weights_left_out() else fitted.digest)
    share, told = decay_of(tune, decay, DECAY), json.loads(fitted.processor)
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
