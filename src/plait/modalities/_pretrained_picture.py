"""Pretrained picture encoders."""

import json
from importlib.metadata import version

from torch import nn

from ._blocks import Blocks
from ._hf_net import hf_picture_net
from ._hf_tune import adapt, cut_off, take_norm
from ._picture_net import PictureNet
from ._pooled import Pooled
from ._pretrained_picture_fit import PictureFit
from ._pretrained_tune import LORA_PACE, PACE, decay_of
from ._principal import Principal
from ._projection import Projection
from ._staged import Staged
from ._timm_file import TIMM
from ._timm_net import timm_net
from ._without_weights import weights_left_out

DECAY = 0.75
"""The usual share of the rate that a block takes of the one above it, in nets for pictures."""


def pretrained_picture(
    fitted: PictureFit,
    encoder: str,
    tune: str,
    decay: float | None,
    width: int,
    *,
    few: int | None,
) -> nn.Module:
    """A pretrained encoder, from pixels to one token of the model.

    Args:
        fitted: What :class:`~plait.Image` knows of it.
        encoder: Where its weights are.
        tune: ``"frozen"``, ``"last:k"``, ``"lora"`` or ``"full"``.
        decay: The share of the rate that a block takes of the one above it; None for the usual.
        width: Size of a token of the model.
        few: How many training rows there are, where these are a few hundred only.

    Returns:
        A :class:`Staged` encoder where a part of it stays as it is.

    Raises:
        ConfigError: If a package is missing, the weights are not those that were fitted, or the
            encoder cannot be tuned so.
    """
    digest = None if weights_left_out() else fitted.digest
    built = timm_net if encoder.startswith(TIMM) else hf_picture_net
    net = built(fitted.config, encoder, digest)
    last = Projection(fitted.features, width, small=few is not None)
    share = decay_of(tune, decay, DECAY)
    if tune.startswith("last:"):
        blocks = Blocks(cut_off(net, tune, encoder), PACE, share, take_norm(net))
        reader = PictureNet(net, fitted.pooling, fitted.mean, fitted.std, pace=PACE, tokens=True)
        about = _about(fitted, None)
        return Staged(reader, nn.Sequential(blocks, Pooled("cls"), last), about)
    if tune == "lora":
        adapt(net, encoder)
    pace = LORA_PACE if tune == "lora" else PACE
    reader = PictureNet(net, fitted.pooling, fitted.mean, fitted.std, pace=pace, decay=share)
    if tune == "frozen":
        if few is not None:
            last = Principal(fitted.features, width, rows=few)
        return Staged(reader, last, _about(fitted, fitted.pooling))
    return nn.Sequential(reader, last)


def _about(fitted: PictureFit, pooling: str | None) -> str:
    # The same weights may mean something else to another version.
    library = "timm" if "timm" in json.loads(fitted.config) else "transformers"
    told = {"config": fitted.config, "pooling": pooling, "version": version(library)}
    return json.dumps(told)
