"""A pretrained net over voices."""

import json

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import normalize, pad, relu

from plait._errors import ConfigError
from plait.data import Masked

from ._ge2e_file import Ge2eFile
from ._ge2e_frames import BEYOND, MELS, RATE
from ._pretrained import Pretrained
from ._pretrained_tune import PACE
from ._sound_fit import SoundFit

WINDOW = 160
"""Frames of a window: 1.6 seconds."""
STEP = 77
"""Frames from one window to the next: 1.3 of them begin in a second."""
FILLED = 120
"""How many frames of the last of several windows have to lie in the sound, or it is left out."""


class Ge2eNet(Pretrained):
    """Mel frames of a voice to one vector of length 1, which tells who speaks.

    Windows of 160 frames, 77 apart, each go through a stack of LSTMs; the last state of the
    highest, through a linear layer and a ReLU, is brought to length 1. The vectors of all windows
    are averaged and brought to length 1 once more. A sound has at least one window, with silence
    behind it where it is shorter; another last one has to be filled to three quarters.

    Args:
        layers: How many LSTMs.
        hidden: Size of their states.
        features: Size of the vector.
        pace: The share of the learning rate that its weights take.
        decay: The share of that which an LSTM takes of the one above it.

    Shapes:
        - in: ``values`` float ``[batch, frames, 40]``, ``mask`` bool ``[batch, frames]``.
        - out: ``values`` float ``[batch, features]``, ``mask`` bool ``[batch]``.

    Source:
        Wan et al., "Generalized End-to-End Loss for Speaker Verification", 2018, arXiv 1710.10467,
        section 3.1 and figure 4 (LSTMs, windows and their average); sizes, the ReLU and where
        windows begin as ``VoiceEncoder`` of Resemblyzer 0.1.4 has them.
    """

    def __init__(
        self, layers: int, hidden: int, features: int, pace: float = PACE, decay: float = 1.0
    ) -> None:
        super().__init__(pace, decay)
        sizes = [MELS] + [hidden] * (layers - 1)
        self.layers = nn.ModuleList(nn.LSTM(size, hidden, batch_first=True) for size in sizes)
        self.linear = nn.Linear(hidden, features)

    def forward(self, cells: Masked) -> Masked:
        """The vector of each sound."""
        values = cells.values.masked_fill(~cells.mask.unsqueeze(2), 0.0)
        # A row without a sound gets a window of silence, and no mask.
        counts = self._counts(cells.mask.sum(1) - BEYOND)
        most = int(counts.max()) if len(counts) else 0
        windows, there = self._windows(values, counts, most)
        found = values.new_zeros(len(values), most, self.linear.out_features)
        states = windows
        for layer in self.layers:
            states, _ = layer(states)
        vectors = normalize(relu(self.linear(states[:, -1])))
        found = found.to(vectors.dtype).masked_scatter(there.unsqueeze(2), vectors)
        return Masked(normalize(found.sum(1) / counts.unsqueeze(1)), cells.present)

    @staticmethod
    def _counts(frames: Int64[Tensor, " batch"]) -> Int64[Tensor, " batch"]:
        """How many windows a sound of so many frames has."""
        begun = (frames - WINDOW + STEP).clamp(min=0) // STEP + 1
        # The published code counts samples: those of `frames - 1` whole hops are in the sound.
        empty = frames - 1 < (begun - 1) * STEP + FILLED
        return (begun - (empty & (begun > 1)).long()).clamp(min=1)

    @staticmethod
    def _windows(
        values: Float[Tensor, "batch frames mels"], counts: Int64[Tensor, " batch"], most: int
    ) -> tuple[Float[Tensor, "windows length mels"], Bool[Tensor, "batch most"]]:
        """All windows of all sounds, and which of the most that one has are there."""
        length = (most - 1) * STEP + WINDOW
        filled = pad(values, (0, 0, 0, max(0, length - values.shape[1])))
        there = torch.arange(most, device=counts.device) < counts.unsqueeze(1)
        return filled.unfold(1, WINDOW, STEP)[:, :most][there].transpose(1, 2), there


def ge2e_fit(encoder: str, tune: str) -> SoundFit:
    """What stands in the file of a GE2E voice encoder.

    Args:
        encoder: Its name, with ``ge2e:`` before it.
        tune: How it is to be tuned.

    Raises:
        ConfigError: If there is no such file, it holds something else, or it cannot be tuned so.
    """
    if tune not in ("frozen", "full"):
        raise ConfigError(
            f"`tune` should be 'frozen' or 'full' for a GE2E voice encoder, whose LSTMs have "
            f"neither blocks to keep nor attention. Got {tune!r} for {encoder!r}."
        )
    file = Ge2eFile.of(encoder)
    features = int(json.loads(file.config)["features"])
    return SoundFit(file.config, "{}", file.digest, RATE, features, 0)


def ge2e_net(plain: str, encoder: str, digest: str | None, decay: float = 1.0) -> Ge2eNet:
    """The net, with or without its weights.

    Args:
        plain: Its shape, as JSON.
        encoder: Where its weights are.
        digest: The SHA-256 that its file should have; None leaves the weights out.
        decay: The share of the learning rate that an LSTM takes of the one above it.

    Raises:
        ConfigError: If the weights are others or damaged.
    """
    try:
        told = json.loads(plain)
        sizes = int(told["layers"]), int(told["hidden"]), int(told["features"])
        net = Ge2eNet(*sizes, decay=decay)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ConfigError(
            f"What is known of the encoder {encoder!r} should say its shape. It says: {error}."
        ) from error
    if digest is None:
        return net
    file = Ge2eFile.of(encoder)
    if file.digest != digest:
        raise ConfigError(
            f"The weights of the encoder {encoder!r} should be those that it was fitted with. "
            "They have another SHA-256 now. Bring the old ones back, or fit the schema once more."
        )
    # Theirs is one LSTM of several layers, ours are several of one: each has its own rate.
    state = {_ours(name): each for name, each in file.state.items()}
    net.load_state_dict(state)
    return net


def _ours(name: str) -> str:
    if name.startswith("linear."):
        return name
    kind, _, layer = name.removeprefix("lstm.").rpartition("_l")
    return f"layers.{layer}.{kind}_l0"
