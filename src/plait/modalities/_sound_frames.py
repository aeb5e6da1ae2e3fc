"""Sounds as a pretrained net takes them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from ._hf_folder import missing_extra
from ._hf_sound_config import KINDS, steps_of
from ._sound_fit import SoundFit


@dataclass(frozen=True)
class SoundFrames:
    """The frames of sounds, by the feature extractor that a net was trained with.

    For a net over samples they are the windows that its vectors are made of; a sound shorter than
    one gets silence behind it. For others they are mel frames of the transformers library, without
    those that only pad.

    Args:
        fitted: What is known of the net.
        encoder: What the user called it, for messages.
    """

    fitted: SoundFit
    encoder: str

    @property
    def seconds(self) -> float:
        """How much of a sound the net can take."""
        told = self._told
        if self.kind == "samples":
            return float("inf")
        if self.kind == "whisper":
            return float(told["chunk_length"])
        # Windows of 400 samples, 160 apart, whatever the rate: so the library has it.
        return ((told["max_length"] - 1) * 160 + 400) / told["sampling_rate"]

    def of(
        self, sounds: Sequence[np.ndarray]
    ) -> tuple[Float32[Tensor, "frames size"], Int64[Tensor, " sounds"]]:
        """The frames of all sounds end to end, and how many each has.

        Args:
            sounds: Samples of each; one without any has no frame.
        """
        found = [self._one(sound) if len(sound) else np.zeros((0, self.size)) for sound in sounds]
        lengths = torch.tensor([len(each) for each in found], dtype=torch.int64)
        return torch.from_numpy(np.concatenate(found).astype(np.float32)), lengths

    @property
    def size(self) -> int:
        """Numbers in a frame."""
        if self.kind == "samples":
            return self._steps[0]
        return self._told["num_mel_bins" if self.kind == "spectrogram" else "feature_size"]

    @cached_property
    def kind(self) -> str:
        """What the net is given."""
        return KINDS[json.loads(self.fitted.config)["model_type"]]

    @cached_property
    def _told(self) -> dict[str, Any]:
        return json.loads(self.fitted.processor)

    @cached_property
    def _steps(self) -> tuple[int, int]:
        config = json.loads(self.fitted.config)
        return steps_of(config, self.encoder)

    @cached_property
    def _extractor(self) -> Any:
        try:
            from transformers import ASTFeatureExtractor, WhisperFeatureExtractor
        except ImportError as error:
            raise missing_extra(self.encoder) from error
        made = ASTFeatureExtractor if self.kind == "spectrogram" else WhisperFeatureExtractor
        return made(**self._told)

    def _one(self, sound: np.ndarray) -> np.ndarray:
        rate = self.fitted.rate
        if self.kind == "samples":
            return self._windows(sound)
        if self.kind == "whisper":
            given = self._extractor(sound, sampling_rate=rate, return_tensors="np")
            # The last frame that a sample of the sound reaches into.
            last = (len(sound) + self._told["n_fft"] // 2) // self._told["hop_length"] + 1
            return given["input_features"][0].T[:last]
        # Kaldi's frames lie within the sound: one shorter than a frame has none without silence.
        sound = np.pad(sound, (0, max(0, 400 - len(sound))))
        given = self._extractor(sound, sampling_rate=rate, return_tensors="np")
        return given["input_values"][0][: 1 + (len(sound) - 400) // 160]

    def _windows(self, sound: np.ndarray) -> np.ndarray:
        reach, hop = self._steps
        if self._told["do_normalize"]:
            # As the library has it: the variance of all samples, and 1e-7.
            sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
        sound = np.pad(sound, (0, max(0, reach - len(sound))))
        return np.lib.stride_tricks.sliding_window_view(sound, reach)[::hop]
