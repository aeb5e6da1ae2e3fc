"""Small pretrained sound encoders, made on the spot."""

import io
import wave
from pathlib import Path

import numpy as np
import torch
from transformers import (
    ASTFeatureExtractor,
    AutoConfig,
    AutoModel,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from plait.modalities._quiet import quiet

SIZE, LAYERS, RATE = 32, 2, 16_000
BODY = {"hidden_size": SIZE, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
        "intermediate_size": 48}  # fmt: skip
SAMPLES = {
    **BODY, "conv_dim": [16, 16, 16], "conv_kernel": [10, 3, 3], "conv_stride": [5, 2, 2],
    "num_feat_extract_layers": 3, "num_conv_pos_embeddings": 6,
    "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
BANDS, LENGTH = 24, 60
SHAPES = {
    "audio-spectrogram-transformer": {
        **BODY, "num_mel_bins": BANDS, "max_length": LENGTH, "patch_size": 8,
        "frequency_stride": 8, "time_stride": 8,
    },
    "whisper": {
        "d_model": SIZE, "encoder_layers": LAYERS, "encoder_attention_heads": 4,
        "encoder_ffn_dim": 48, "decoder_layers": 1, "decoder_attention_heads": 4,
        "decoder_ffn_dim": 48, "num_mel_bins": BANDS, "max_source_positions": 50,
        "vocab_size": 20, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
        "decoder_start_token_id": 1,
    },
}  # fmt: skip
EXTRACTORS = {
    "audio-spectrogram-transformer": ASTFeatureExtractor(num_mel_bins=BANDS, max_length=LENGTH),
    "whisper": WhisperFeatureExtractor(feature_size=BANDS, chunk_length=1),
}
SAMPLE_NETS = ["hubert", "wavlm", "unispeech", "unispeech-sat", "wav2vec2"]


def make(folder: Path, family: str = "wav2vec2", seed: int = 0, **options) -> str:
    """The folder of an encoder of random weights, and its name for an input."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(), quiet():
        torch.manual_seed(seed)
        config = AutoConfig.for_model(family, **{**SHAPES.get(family, SAMPLES), **options})
        net = AutoModel.from_config(config)
        for name, weight in net.named_parameters():
            # Weights as small as those of a net that is new would hide a wrong mask.
            if "original" not in name:
                norm = "norm" in name.lower() and name.endswith("weight")
                torch.nn.init.normal_(weight, mean=float(norm), std=0.2)
        net.save_pretrained(folder)
    EXTRACTORS.get(family, Wav2Vec2FeatureExtractor()).save_pretrained(folder)
    return f"hf:{folder}"


def sound(number: int, samples: int) -> np.ndarray:
    """A tone with noise, as numbers of 16 bits."""
    rng = np.random.default_rng(number)
    tone = np.sin(np.arange(samples) * 0.1 * (1 + number)) + rng.normal(0, 0.3, samples)
    return (8000 * tone).astype("<i2")


def saved(samples: np.ndarray, rate: int = RATE) -> bytes:
    """Numbers as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate, 0, "NONE", ""))
        writer.writeframes(samples.tobytes())
    return file.getvalue()


LENGTHS = [3000, 1203, 30, 5000, 1203]
WAVES = [sound(number % 4, length) for number, length in enumerate(LENGTHS)]
CELLS = [*[saved(each) for each in WAVES], None]
