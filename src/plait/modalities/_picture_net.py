"""A pretrained net over pictures."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from plait.data import Masked

from ._hf_picture_config import PicturePooling
from ._pretrained import Pretrained


class PictureNet(Pretrained):
    """Pictures to the vectors of a net of the transformers or the timm library.

    Bytes are scaled here, on the device, so that a quarter of the data travels. Batch norms keep
    the statistics that they were trained with, so a picture's vector does not depend on the
    others in the batch.

    Args:
        net: The net.
        pooling: Which of its answers is taken: ``"pooler"``, what it pools itself; ``"cls"``, its
            first token; ``"mean"``, the mean of all places; ``"given"``, all there is, of a net
            that gives one vector.
        mean: Of each channel, in bytes.
        std: Of each channel, in bytes.
        pace: The share of the learning rate that its trained weights take.
        decay: The share of that which a block takes of the one above it.
        tokens: Whether to give the vector of each place, for blocks that follow.

    Shapes:
        - in: ``values`` uint8 ``[batch, 3, size, size]``, ``mask`` bool ``[batch]``.
        - out: ``values`` float ``[batch, features]``, ``mask`` bool ``[batch]``; with ``tokens``
          ``[batch, places, features]`` and ``[batch, places]``.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        net: nn.Module,
        pooling: PicturePooling,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        *,
        pace: float,
        decay: float = 1.0,
        tokens: bool = False,
    ) -> None:
        super().__init__(pace, decay)
        self.net = net
        self.pooling = pooling
        self.tokens = tokens
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def train(self, mode: bool = True) -> "PictureNet":
        """Set the mode of all but the batch norms, which have only one."""
        super().train(mode)
        for each in self.modules():
            if isinstance(each, _BatchNorm):
                each.eval()
        return self

    def forward(self, cells: Masked) -> Masked:
        """A vector for each picture."""
        pixels = (cells.values.to(self.mean.dtype) - self.mean) / self.std
        pixels = pixels.where(cells.mask.view(-1, 1, 1, 1), 0.0)
        if self.pooling == "given":
            return Masked(self.net(pixels), cells.mask)
        given = self.net(pixel_values=pixels, return_dict=True)
        if self.tokens:
            states = given.last_hidden_state
            return Masked(states, cells.mask.unsqueeze(1).expand(states.shape[:2]))
        if self.pooling == "pooler":
            return Masked(given.pooler_output.flatten(1), cells.mask)
        states = given.last_hidden_state
        if self.pooling == "cls":
            return Masked(states[:, 0], cells.mask)
        # Some give places as a row of tokens, some as a map.
        return Masked(states.mean((2, 3)) if states.ndim == 4 else states.mean(1), cells.mask)
