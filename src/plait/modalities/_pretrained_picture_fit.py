"""What has to be known of a pretrained picture encoder."""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic.dataclasses import dataclass

from plait._errors import ConfigError
from plait.data import Masked

from ._base import STRICT
from ._hf_folder import PICTURE, PREFIX, HfFolder
from ._hf_framing import Framing, framing_of
from ._hf_net import hf_picture_net
from ._hf_picture_config import POOLING, PicturePooling, plain_picture_config
from ._hf_tune import check_adapters, check_tune
from ._picture_net import PictureNet
from ._timm_file import TIMM, TimmFile
from ._timm_net import timm_framing, timm_net

Three = tuple[float, float, float]


@dataclass(frozen=True, config=STRICT)
class PictureFit:
    """All that it takes to build a pretrained picture encoder elsewhere, but its weights.

    Args:
        config: The shape of its net, as JSON: the transformers library's, or the name of timm's.
        pooling: What of its answer stands for a picture.
        features: Size of a vector.
        digest: The SHA-256 of its weights.
        size: Height and width of its pictures.
        edge: To how many pixels their shorter side is brought before they are cut, if they are.
        resample: Pillow's number of the filter.
        mean: Of each channel, in bytes.
        std: Of each channel, in bytes.
    """

    config: str
    pooling: PicturePooling
    features: int
    digest: str
    size: int
    edge: int | None
    resample: int
    mean: Three
    std: Three

    @classmethod
    def of(cls, encoder: str, size: int | None, tune: str) -> "PictureFit":
        """What stands in the folder of an encoder, or what timm knows of it.

        Args:
            encoder: Its name, with ``hf:`` or ``timm:`` before it.
            size: Height and width of the pictures; None takes those it was trained with.
            tune: How it is to be tuned.

        Raises:
            ConfigError: If there is no such encoder, it cannot be used or tuned so, it does not
                take that size, or a package is missing.
        """
        if encoder.startswith(TIMM):
            known, pooling, digest, frame, net = _of_timm(encoder, tune)
        else:
            folder = HfFolder.of(encoder, PICTURE)
            known, digest = plain_picture_config(folder.config, folder.name), folder.digest
            family = json.loads(known)["model_type"]
            check_tune(known, tune, encoder, picture=True)
            frame = framing_of(folder.processor, folder.name)
            pooling = POOLING[family]
            with torch.device("meta"):
                net = hf_picture_net(known, encoder, None)
        frame = frame.at(size)
        found = _features(net, pooling, frame, encoder)
        return cls(known, pooling, found, digest, frame.size, frame.edge, frame.resample,
                   frame.mean, frame.std)  # fmt: skip


def _of_timm(encoder: str, tune: str) -> tuple[str, PicturePooling, str, Framing, Any]:
    file = TimmFile.of(encoder)
    if tune.startswith("last:"):
        raise ConfigError(
            f"`tune={tune!r}` should be asked of an encoder of the transformers library: the nets "
            f"of timm have no list of blocks in common. {encoder!r} is of timm. Take 'frozen', "
            "'lora' or 'full'."
        )
    known = json.dumps({"timm": file.name})
    with torch.device("meta"):
        net = timm_net(known, encoder, None)
    if file.path is None:
        # Weights that cannot be had are told before any picture is read.
        with torch.random.fork_rng(devices=()):
            timm_net(known, encoder, file.digest)
    if tune == "lora":
        check_adapters(net, encoder)
    return known, "given", file.digest, timm_framing(net), net


def _features(net: Any, pooling: PicturePooling, frame: Framing, encoder: str) -> int:
    """The size of a vector, found without any weight; all that does not fit shows here."""
    try:
        with torch.device("meta"), torch.no_grad():
            made = PictureNet(net, pooling, frame.mean, frame.std, pace=1.0).eval()
            pixels = torch.zeros(1, 3, frame.size, frame.size, dtype=torch.uint8)
            given = made(Masked(pixels, torch.ones(1, dtype=torch.bool))).values
    except Exception as error:  # what a library raises for a wrong size has no common type
        raise ConfigError(
            f"The encoder {encoder!r} should take pictures of {frame.size} x {frame.size} pixels. "
            f"It says: {error}. Leave `size` out, or give one that it takes."
        ) from error
    return int(given.shape[1])


def encoder_files(encoder: str) -> list[Path]:
    """The files of an encoder, as far as they are named by a path."""
    if encoder.startswith(PREFIX):
        return HfFolder.of(encoder, PICTURE).files
    file = TimmFile.of(encoder)
    return [file.path] if file.path else []
