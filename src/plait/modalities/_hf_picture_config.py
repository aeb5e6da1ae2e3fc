"""The shape of a pretrained picture encoder, as plain JSON."""

from collections.abc import Mapping
from typing import Any, Literal

from plait._errors import ConfigError

from ._hf_config import shape_only

PicturePooling = Literal["pooler", "cls", "mean", "given"]

POOLING: dict[str, PicturePooling] = {
    "beit": "pooler",
    "clip_vision_model": "pooler",
    "convnext": "pooler",
    "convnextv2": "pooler",
    "deit": "cls",
    "dinov2": "pooler",
    "dinov2_with_registers": "pooler",
    "dinov3_convnext": "pooler",
    "dinov3_vit": "pooler",
    "focalnet": "pooler",
    "ijepa": "mean",
    "mobilenet_v1": "pooler",
    "mobilenet_v2": "pooler",
    "poolformer": "mean",
    "pvt_v2": "mean",
    "regnet": "pooler",
    "resnet": "pooler",
    "siglip_vision_model": "pooler",
    "swin": "pooler",
    "swinv2": "pooler",
    "vit": "cls",
    "vit_msn": "cls",
}
"""What stands for a picture, family by family: the vector that the net itself pools; its first
token, where the pooler belongs to a task and is often not among the weights; or the mean of all
places, where the net pools nothing."""

HALVES = {"clip": "clip_vision_model", "siglip": "siglip_vision_model"}
"""Models of pictures and texts, of which only the half for pictures is taken."""


def plain_picture_config(config: Mapping[str, Any], name: str) -> str:
    """What a ``config.json`` says of the shape of a net for pictures.

    Args:
        config: What stands in it.
        name: What the user called the encoder, for messages.

    Raises:
        ConfigError: If it is that of no picture encoder.
    """
    family = config.get("model_type")
    half = config.get("vision_config")
    if family in HALVES and isinstance(half, Mapping):
        family = HALVES[family]
        config = {**half, "model_type": family}
    if family not in POOLING:
        raise ConfigError(
            f"The encoder {name!r} should be a picture encoder of one of these families: "
            f"{', '.join(sorted({*POOLING, *HALVES}))}. Found {family!r}. Take another one, or one "
            "of the timm library: 'timm:NAME'."
        )
    channels = config.get("num_channels", 3)
    if channels != 3:
        raise ConfigError(
            f"The encoder {name!r} should take pictures of 3 channels. Its config says "
            f"{channels!r}. Take another one."
        )
    return shape_only(config)
