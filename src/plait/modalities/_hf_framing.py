"""How a picture is brought to a pretrained net."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plait._errors import ConfigError

RESAMPLING = range(6)
LARGEST = 1024
CROP = 0.875
"""What a ConvNeXt below 384 pixels is shown of the shorter side, where nothing is said."""


@dataclass(frozen=True)
class Framing:
    """Size, cut and scale of the pictures that a net was trained with.

    Args:
        size: Height and width that the net takes.
        edge: To how many pixels the shorter side is brought before the middle of ``size`` pixels
            is cut out; None where the whole picture is squeezed to a square.
        resample: Pillow's number of the filter.
        mean: Of each channel, in bytes.
        std: Of each channel, in bytes.
    """

    size: int
    edge: int | None
    resample: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def at(self, size: int | None) -> "Framing":
        """The same cut at another size."""
        if size is None or size == self.size:
            return self
        edge = None if self.edge is None else round(self.edge * size / self.size)
        return Framing(size, edge, self.resample, self.mean, self.std)


def framing_of(told: Mapping[str, Any], name: str) -> Framing:
    """What the JSON of an image processor of the transformers library says.

    Args:
        told: What stands in it.
        name: What the user called the encoder, for messages.

    Raises:
        ConfigError: If a value is missing or of no use.

    Example:
        >>> clip = {"size": {"shortest_edge": 256}, "crop_size": 224, "do_center_crop": True,
        ...         "do_normalize": False, "resample": 3}
        >>> framing_of(clip, "mine")
        Framing(size=224, edge=256, resample=3, mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0))
    """
    try:
        size, edge = _sides(told)
        resample = told.get("resample", 2)
        if resample not in RESAMPLING or not 8 <= size <= LARGEST or (edge and edge < size):
            raise ValueError(f"size {size}, edge {edge}, resample {resample!r}")
        scale = float(told.get("rescale_factor", 1 / 255)) if told.get("do_rescale", True) else 1.0
        if scale <= 0 or told.get("rescale_offset"):
            raise ValueError("a scale that is not from zero up")
        mean, std = [0.0] * 3, [1.0] * 3
        if told.get("do_normalize", True):
            mean, std = ([float(each) for each in told[key]] for key in ("image_mean", "image_std"))
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError("means and deviations should be three each, the latter above zero")
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"'preprocessor_config.json' of the encoder {name!r} should say the size of a picture "
            "(from 8 to 1024), how it is cut, and the mean and deviation of three channels. Found "
            f"{type(error).__name__}: {error}. Take another copy of the folder."
        ) from error
    scaled = [each / scale for each in (*mean, *std)]
    (a, b, c), (d, e, f) = scaled[:3], scaled[3:]
    return Framing(size, edge, resample, (a, b, c), (d, e, f))


def _sides(told: Mapping[str, Any]) -> tuple[int, int | None]:
    if not told.get("do_resize", True):
        raise ValueError("do_resize is false")
    size = told["size"]
    crops = bool(told.get("do_center_crop", False))
    if isinstance(size, Mapping) and "shortest_edge" not in size:
        return (_square(told["crop_size"]), _square(size)) if crops else (_square(size), None)
    edge = int(size["shortest_edge"] if isinstance(size, Mapping) else size)
    kind = str(told.get("image_processor_type") or told.get("feature_extractor_type"))
    if kind.startswith("ConvNext") or "crop_pct" in told:
        # This processor cuts by a share, and squeezes what is large.
        share = float(told.get("crop_pct") or CROP)
        return (edge, None) if edge >= 384 else (edge, int(edge / share))
    if crops:
        return _square(told["crop_size"]), edge
    return edge, None if not isinstance(size, Mapping) else edge


def _square(told: Any) -> int:
    if not isinstance(told, Mapping):
        return int(told)
    if told["height"] != told["width"]:
        raise ValueError(f"{told['height']} x {told['width']} is no square")
    return int(told["height"])
