"""What a layer has to see of the training rows before the first step."""

from collections.abc import Iterator

import torch
from torch import Tensor

from plait._model import Model
from plait.data import Bagged, Kept, Masked, Pack, Ragged, Repeated
from plait.modalities import Staged
from plait.modalities._bag_encoder import BagEncoder
from plait.modalities._principal import Principal
from plait.modalities._video_encoder import VideoEncoder

ROWS = 64


def settle(model: Model, pack: Pack) -> None:
    """Show the vectors of the training rows to the layers that go by them.

    Layers that have seen rows before stay as they are.

    Args:
        model: Its encoders are looked through.
        pack: The training rows, kept or not; see :func:`~plait.training.keep`.
    """
    for name, encoder in zip(model.inputs, model.encoders, strict=True):
        each = encoder.each if isinstance(encoder, BagEncoder | VideoEncoder) else encoder
        if not isinstance(each, Staged):
            continue
        layers = [layer for layer in each.tuned.modules() if isinstance(layer, Principal)]
        layers = [layer for layer in layers if not layer.settled]
        column = pack.inputs[name]
        items = column.cells if isinstance(column, Bagged) else column
        rows = items.present.nonzero()[:, 0] if layers else ()
        if not len(rows):
            continue
        vectors = torch.cat([*_vectors(each, items, rows)])
        for layer in layers:
            layer.settle(vectors)


def _vectors(
    encoder: Staged, cells: Masked | Ragged | Repeated | Bagged, rows: Tensor
) -> Iterator[Tensor]:
    home = next((weight.device for weight in encoder.still.parameters()), "cpu")
    for some in rows.split(ROWS):
        taken = cells.take(some).to(home)
        with torch.no_grad():
            yield taken.values if isinstance(taken, Kept) else encoder.still(taken).values
