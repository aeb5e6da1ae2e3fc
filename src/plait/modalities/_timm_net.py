"""A net of the timm library, with or without its weights."""

import json
from importlib import import_module
from typing import Any

import torch
from PIL import Image as Pillow
from torch import Tensor

from plait._errors import ConfigError, listing

from ._finite import check_finite
from ._hf_framing import Framing
from ._timm_file import TIMM, TimmFile

FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


def timm_net(plain: str, encoder: str, digest: str | None) -> Any:
    """A net that gives one vector for a picture, in training mode.

    Args:
        plain: The name of the net, as JSON.
        encoder: Where its weights are.
        digest: The SHA-256 that they should have; None leaves them out.

    Raises:
        ConfigError: If a package is missing, there is no such net, or the weights are others,
            damaged, or those of another net.
    """
    timm = _library(encoder)
    try:
        name = str(json.loads(plain)["timm"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"The config of {encoder!r} should name a net. It says: {error}.") from (
            error
        )
    if not timm.is_model(name):
        near = timm.list_models(f"*{name.split('_')[0]}*")
        raise ConfigError(
            f"The encoder {encoder!r} should be a net of the timm library. It knows no {name!r}. "
            + (f"It knows: {listing(near, 5)}." if near else "`timm.list_models()` tells them.")
        )
    file = None if digest is None else TimmFile.of(encoder)
    net = _made(timm, name, encoder, fetched=file is not None and file.path is None)
    if file is not None and file.path is not None:
        if file.digest != digest:
            raise ConfigError(
                f"The weights of the encoder {encoder!r} should be those that it was fitted with. "
                "They have another SHA-256 now. Bring the old ones back, or fit the schema once "
                "more."
            )
        _load(net, file.state(), encoder)
    return net.train()


def timm_framing(net: Any) -> Framing:
    """Size, cut and scale of the pictures that a net was trained with."""
    told = import_module("timm.data").resolve_model_data_config(net)
    size = int(told["input_size"][1])
    edge = None if told["crop_mode"] == "squash" else int(size / told["crop_pct"])
    resample = FILTERS.get(told["interpolation"], int(Pillow.Resampling.BILINEAR))
    mean, std = ([255.0 * each for each in told[key]] for key in ("mean", "std"))
    return Framing(size, edge, resample, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


def _library(encoder: str) -> Any:
    try:
        return import_module("timm")
    except ImportError as error:
        raise ConfigError(
            f"The encoder {encoder!r} needs packages that are not installed. Install them: "
            "pip install 'plait[images]'"
        ) from error
    except RuntimeError as error:
        # What a torchvision says that was built for another torch.
        raise ConfigError(
            f"The encoder {encoder!r} needs the packages timm and torchvision. They are there and "
            f"cannot be imported: {error}. Install the torchvision that was built for this torch "
            "(of the same index, with the same '+cpu' or '+cu'), or take an encoder 'hf:FOLDER'."
        ) from error


def _made(timm: Any, name: str, encoder: str, *, fetched: bool) -> Any:
    try:
        return timm.create_model(name, pretrained=fetched, num_classes=0)
    except Exception as error:  # of the network, the hub or the disk: they have no common type
        if not fetched:
            raise
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"The weights of the encoder {encoder!r} should be in timm's cache, or where the "
            f"network may be used. They cannot be had: {told} Give a file: "
            f"'{TIMM}{name}:PATH', with a path to .safetensors or .pth."
        ) from error


def _load(net: Any, given: dict[str, Tensor], encoder: str) -> None:
    """Copy weights; those of the layer that answers the old question are left out."""
    wanted = net.state_dict()
    answers = net.pretrained_cfg.get("classifier") or ()
    spared = tuple(f"{part}." for part in ([answers] if isinstance(answers, str) else answers))
    given = {name: each for name, each in given.items() if name in wanted or not (
        spared and name.startswith(spared))}  # fmt: skip
    missing = [name for name in wanted if name not in given]
    unknown = [name for name in given if name not in wanted]
    other = [
        f"{name} {list(given[name].shape)} for {list(each.shape)}"
        for name, each in wanted.items()
        if name in given and given[name].shape != each.shape
    ]
    problems = [
        f"{len(found)} {what}: {listing(found, 3)}"
        for found, what in ((missing, "are not there"), (unknown, "are not of this net"),
                            (other, "are of another shape"))
        if found
    ]  # fmt: skip
    if problems:
        raise ConfigError(
            f"The weights of the encoder {encoder!r} should be those of its net. Of "
            f"{len(wanted)}, {'; '.join(problems)}. Take the file that belongs to this name, "
            "saved from timm itself."
        )
    check_finite(given, encoder)
    with torch.no_grad():
        net.load_state_dict(given)
