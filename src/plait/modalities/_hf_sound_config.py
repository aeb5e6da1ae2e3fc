"""The shape of a pretrained sound encoder, as plain JSON."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from plait._errors import ConfigError

from ._hf_config import shape_only

SoundKind = Literal["samples", "spectrogram", "whisper"]

KINDS: dict[str, SoundKind] = {
    "audio-spectrogram-transformer": "spectrogram",
    "hubert": "samples",
    "unispeech": "samples",
    "unispeech-sat": "samples",
    "wav2vec2": "samples",
    "wavlm": "samples",
    "whisper": "whisper",
}
"""What the nets of a family are given: samples, or mel frames of their own making."""

QUIET = {
    "add_adapter": False, "apply_spec_augment": False, "encoder_layerdrop": 0.0, "layerdrop": 0.0,
    "mask_feature_prob": 0.0, "mask_time_prob": 0.0,
}  # fmt: skip
"""What would drop blocks and mask frames by a stream of random numbers, or shorten the answer."""


def plain_sound_config(config: Mapping[str, Any], name: str) -> str:
    """What a ``config.json`` says of the shape of a net for sounds.

    Args:
        config: What stands in it.
        name: What the user called the encoder, for messages.

    Raises:
        ConfigError: If it is that of no sound encoder.
    """
    family = config.get("model_type")
    if family not in KINDS:
        raise ConfigError(
            f"The encoder {name!r} should be a sound encoder of one of these families: "
            f"{', '.join(KINDS)}. Found {family!r}. Take another one."
        )
    if config.get("conv_pos_batch_norm"):
        raise ConfigError(
            f"The encoder {name!r} should normalize each sound by itself. Its config asks for "
            "batch norm (`conv_pos_batch_norm`). Take another one."
        )
    known = json.loads(shape_only(config))
    return json.dumps({**known, **{key: value for key, value in QUIET.items() if key in known}})


def steps_of(config: Mapping[str, Any], name: str) -> tuple[int, int]:
    """How many samples a vector of a net over samples is made of, and from one to the next.

    Args:
        config: The shape of the net, with ``conv_kernel`` and ``conv_stride``.
        name: What the user called the encoder, for messages.

    Raises:
        ConfigError: If windows do not overlap by half at most, which no published net does.

    Example:
        >>> steps_of({"conv_kernel": [10, 3, 3, 3, 3, 2, 2], "conv_stride": [5] + [2] * 6}, "mine")
        (400, 320)
    """
    reach, hop = 1, 1
    for kernel, stride in zip(config["conv_kernel"], config["conv_stride"], strict=True):
        reach += (int(kernel) - 1) * hop
        hop *= int(stride)
    if not hop <= reach <= 2 * hop:
        raise ConfigError(
            f"The convolutions of the encoder {name!r} should look at windows that overlap by "
            f"half at most. Theirs are of {reach} samples, {hop} apart. Take another one."
        )
    return reach, hop
