"""What has to be known of a pretrained sound encoder."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from pydantic.dataclasses import dataclass

from plait._errors import ConfigError

from ._base import STRICT
from ._hf_folder import PROCESSOR, HfFolder
from ._hf_sound_config import KINDS, plain_sound_config, steps_of
from ._hf_sound_net import SOUND, check_sound_tune, hf_sound_net
from ._sound_read import RATES

ASKED = {
    "samples": {"sampling_rate": 16000, "do_normalize": True},
    "spectrogram": {"sampling_rate": 16000, "num_mel_bins": 128, "max_length": 1024,
                    "do_normalize": True, "mean": -4.2677393, "std": 4.5689974},
    "whisper": {"sampling_rate": 16000, "feature_size": 80, "hop_length": 160, "chunk_length": 30,
                "n_fft": 400},
}  # fmt: skip
"""What is asked of a feature extractor, and what the library takes where nothing is said."""


@dataclass(frozen=True, config=STRICT)
class SoundFit:
    """All that it takes to build a pretrained sound encoder without its folder, but its weights.

    Args:
        config: The shape of its net, as the JSON of the transformers library.
        processor: What its feature extractor has to know, as JSON.
        digest: The SHA-256 of its weights.
        rate: The sampling rate that it was trained with, in Hz.
        features: Size of a vector.
        length: How many frames it takes; 0 for a net over samples, which takes any number.
    """

    config: str
    processor: str
    digest: str
    rate: int
    features: int
    length: int

    @classmethod
    def of(cls, encoder: str, tune: str) -> "SoundFit":
        """What stands in the folder of an encoder.

        Args:
            encoder: Its name, with ``hf:`` before it.
            tune: How it is to be tuned.

        Raises:
            ConfigError: If there is no such folder, it cannot be used or tuned so, or a package is
                missing.
        """
        folder = HfFolder.of(encoder, SOUND)
        plain = plain_sound_config(folder.config, folder.name)
        with torch.device("meta"):  # a shape without numbers
            net = hf_sound_net(plain, encoder, None)
        kind = KINDS[net.config.model_type]
        told = _checked(_told(folder), kind, folder.name)
        length = 0
        if kind == "samples":
            steps_of(net.config.to_dict(), folder.name)
        elif kind == "spectrogram":
            length = _same(told, ("num_mel_bins", "max_length"), net.config, folder.name)[1]
        else:
            length = 2 * int(net.config.max_source_positions)
            frames = told["chunk_length"] * told["sampling_rate"] // told["hop_length"]
            if (told["feature_size"], frames) != (net.config.num_mel_bins, length):
                raise _misfit(folder.name, f"{told['feature_size']} bands and {frames} frames")
        features = int(net.config.d_model if kind == "whisper" else net.config.hidden_size)
        check_sound_tune(net, tune, encoder)
        digest = folder.digest
        return cls(plain, json.dumps(told), digest, told["sampling_rate"], features, length)


def _told(folder: HfFolder) -> Mapping[str, Any]:
    if (folder.path / "preprocessor_config.json").is_file():
        return folder.processor
    told = folder._json(PROCESSOR).get("feature_extractor")
    if isinstance(told, dict):
        return told
    raise ConfigError(
        f"{PROCESSOR!r} of the encoder {folder.name!r} should say under 'feature_extractor' how "
        "sounds are prepared. It does not. Save its feature extractor to the folder too."
    )


def _checked(told: Mapping[str, Any], kind: str, name: str) -> dict[str, Any]:
    found = {key: told.get(key, usual) for key, usual in ASKED[kind].items()}
    wrong = [
        f"{key} {value!r}"
        for key, value in found.items()
        if not (isinstance(value, bool) if isinstance(ASKED[kind][key], bool) else _plain(value))
    ]
    if not wrong and found["sampling_rate"] not in RATES:
        wrong = [f"sampling_rate {found['sampling_rate']!r}"]
    if not wrong and any(
        not (isinstance(found[key], int) and 1 <= found[key] <= most)
        for key, most in (("num_mel_bins", 512), ("max_length", 100_000), ("feature_size", 512),
                          ("hop_length", 100_000), ("chunk_length", 600), ("n_fft", 2**15))
        if key in found
    ):  # fmt: skip
        wrong = [f"{key} {value!r}" for key, value in found.items()]
    if wrong or found.get("std", 1.0) <= 0:
        raise ConfigError(
            f"'preprocessor_config.json' of the encoder {name!r} should say how sounds are "
            f"prepared, in plain numbers. Found {', '.join(wrong) or 'a deviation of 0 or less'}. "
            "Take another copy of the folder."
        )
    return found


def _plain(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _same(told: Mapping[str, Any], names: tuple[str, ...], config: Any, name: str) -> list[int]:
    found = [int(told[each]) for each in names]
    if found != [getattr(config, each) for each in names]:
        raise _misfit(name, f"{found[0]} bands and {found[1]} frames")
    return found


def _misfit(name: str, what: str) -> ConfigError:
    return ConfigError(
        f"The feature extractor of the encoder {name!r} should give what its net takes. It gives "
        f"{what}. Model and feature extractor were not saved together: take another copy."
    )
