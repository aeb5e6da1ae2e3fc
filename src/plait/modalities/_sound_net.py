"""A pretrained net over sounds."""

import warnings
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import pad

from plait.data import Masked

from ._hf_sound_config import KINDS, steps_of
from ._pretrained import Pretrained


class SoundNet(Pretrained):
    """Frames of a sound to hidden states, by a net of the transformers library.

    A frame of a net over samples is the window of samples that one of its vectors is made of;
    windows overlap, and are laid over each other again here. The first convolution of some nets is
    normalized over the whole sound: here that is over what is there, so that padding has no say.
    Nets over spectrograms take a sound of one length: what is missing behind it is what their own
    feature extractor puts there.

    Args:
        net: The net.
        length: How many frames a net over spectrograms takes; 0 for one over samples.
        fill: What stands behind a sound there; None for what silence comes to beside it, as
            Whisper has it.
        pace: The share of the learning rate that its trained weights take.
        decay: The share of that which a block takes of the one above it.

    Shapes:
        - in: ``values`` float ``[batch, frames, size]``, ``mask`` bool ``[batch, frames]``.
        - out: ``values`` float ``[batch, places, features]``, ``mask`` bool ``[batch, places]``;
          for a net that pools them itself ``[batch, features]`` and ``[batch]``.
    """

    def __init__(
        self, net: Any, length: int, fill: float | None, pace: float, decay: float = 1.0
    ) -> None:
        super().__init__(pace, decay)
        self.net = net
        self.length = length
        self.fill = fill
        self.kind = KINDS[net.config.model_type]
        if self.kind == "samples":
            self.steps = steps_of(net.config.to_dict(), "")

    def forward(self, cells: Masked) -> Masked:
        """Vectors of each sound."""
        mask = cells.mask
        values = cells.values.masked_fill(~mask.unsqueeze(2), 0.0)
        if self.kind == "samples":
            # A softmax over nothing is NaN: a row without a sound attends to its padding.
            seen = mask | ~mask.any(1, keepdim=True)
            hidden = self._projected(self._convolved(values, seen))
            hidden = hidden.masked_fill(~seen.unsqueeze(2), 0.0)
            with warnings.catch_warnings():
                # WavLM hands torch a mask of truth values beside one of numbers.
                warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
                given = self.net.encoder(hidden, attention_mask=seen)
            return Masked(given.last_hidden_state, mask)
        filled = self._filled(values, mask)
        if self.kind == "spectrogram":
            return Masked(self.net(input_values=filled).pooler_output, cells.present)
        given = self.net(input_features=filled.transpose(1, 2)).last_hidden_state
        there = mask[:, ::2]  # its second convolution takes each other frame
        return Masked(given[:, : there.shape[1]], there)

    def _convolved(
        self, windows: Float[Tensor, "batch frames reach"], mask: Bool[Tensor, "batch frames"]
    ) -> Float[Tensor, "batch frames channels"]:
        reach, hop = self.steps
        batch, frames = mask.shape
        # What a window shares with the next is taken of the next, where there is one.
        blocks = pad(windows[:, :, :hop], (0, 0, 0, 1))
        follows = pad(mask, (0, 1))[:, 1:].view(batch, frames, 1)
        rest = windows[:, :, hop:].masked_fill(follows, 0.0)
        blocks = blocks + pad(rest, (0, 2 * hop - reach, 1, 0))
        states = blocks.flatten(1)[:, : reach + (frames - 1) * hop].unsqueeze(1)
        lengths = reach + (mask.sum(1) - 1) * hop
        for number, layer in enumerate(self.net.feature_extractor.conv_layers):
            if number or self.net.config.feat_extract_norm != "group":
                states = layer(states)
                continue
            states = layer.conv(states)
            lengths = (lengths - layer.conv.kernel_size[0]) // layer.conv.stride[0] + 1
            states = layer.activation(_normed(states, lengths, layer.layer_norm))
        return states.transpose(1, 2)

    def _projected(self, states: Tensor) -> Tensor:
        given = self.net.feature_projection(states)
        return given[0] if isinstance(given, tuple) else given  # some give what they had as well

    def _filled(
        self, values: Float[Tensor, "batch frames mels"], mask: Bool[Tensor, "batch frames"]
    ) -> Float[Tensor, "batch length mels"]:
        hidden = ~mask.unsqueeze(2)
        if self.fill is not None:
            fill = values.new_full((len(values), 1, 1), self.fill)
        else:
            # Whisper's frames are (log10 p + 4) / 4 with log10 p at least 8 below the highest,
            # and -10 for silence.
            highest = values.masked_fill(hidden, -1.5).amax((1, 2), keepdim=True)
            fill = (highest - 2.0).clamp(min=-1.5)
        values = torch.where(hidden, fill, values)[:, : self.length]
        more = fill.expand(-1, self.length - values.shape[1], values.shape[2])
        return torch.cat([values, more], 1)


def _normed(
    states: Float[Tensor, "batch channels time"], lengths: Tensor, norm: Any
) -> Float[Tensor, "batch channels time"]:
    """Each channel brought to mean 0 and variance 1 over what is there."""
    there = torch.arange(states.shape[2], device=states.device) < lengths.view(-1, 1, 1)
    count = lengths.view(-1, 1, 1)
    exact = states.to(torch.promote_types(states.dtype, torch.float32))
    mean = exact.masked_fill(~there, 0.0).sum(2, keepdim=True) / count
    away = (exact - mean).masked_fill(~there, 0.0)
    scaled = away * (away.square().sum(2, keepdim=True) / count + norm.eps).rsqrt()
    return (scaled * norm.weight.unsqueeze(1) + norm.bias.unsqueeze(1)).to(states.dtype)
