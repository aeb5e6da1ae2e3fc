"""Which rows of a column hold the same cell."""

import hashlib

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from ._masked import Masked
from ._ragged import Ragged

DIGEST = 16


def distinct(
    cells: Masked | Ragged,
) -> tuple[Int64[Tensor, " distinct"], Int64[Tensor, " rows"]]:
    """The first row of each different cell, and which of them every row has.

    Cells are the same if each of their bytes is.

    Args:
        cells: On the processor, with a mask ``[rows]``.

    Returns:
        The rows, int64 ``[distinct]``, and for every row 0 where nothing is there, else 1 plus
        the place of its cell among the different ones; int64 ``[rows]``.

    Example:
        >>> cells = Masked(torch.tensor([5, 7, 5, 9]), torch.tensor([True, True, True, False]))
        >>> [found.tolist() for found in distinct(cells)]
        [[0, 1], [1, 2, 1, 0]]
    """
    content, bounds = _bytes(cells)
    there = cells.present
    column = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        len(cells),
        [None, pa.py_buffer(bounds), pa.py_buffer(content)],
    )
    places = there.nonzero()[:, 0]
    # Arrow holds whole cells against each other, and not just their hashes.
    known = column if len(places) == len(cells) else column.take(pa.array(places.numpy()))
    index = torch.from_numpy(known.dictionary_encode().indices.to_numpy().astype(np.int64))
    if not len(index):
        return index, torch.zeros(len(cells), dtype=torch.int64)
    # Arrow numbers cells as it meets them: one is new where its number is the highest so far.
    highest = index.cummax(0).values
    first = torch.cat([torch.ones(1).bool(), highest[1:] > highest[:-1]])
    found = torch.zeros(len(cells), dtype=torch.int64)
    found[places] = index + 1
    return places[first], found


def digests(cells: Masked | Ragged, rows: Int64[Tensor, " some"]) -> UInt8[np.ndarray, "some 16"]:
    """128 bits that stand for each cell: the BLAKE2b of its bytes."""
    content, bounds = _bytes(cells)
    view = content.reshape(-1).view(np.uint8).data
    starts, stops = bounds[rows.numpy()].tolist(), bounds[rows.numpy() + 1].tolist()
    # numpy and Arrow have no such hash; a million of these calls take a second or two.
    found = b"".join(
        [
            hashlib.blake2b(view[start:stop], digest_size=DIGEST).digest()
            for start, stop in zip(starts, stops, strict=True)
        ]
    )
    return np.frombuffer(found, np.uint8).reshape(-1, DIGEST)


def _bytes(cells: Masked | Ragged) -> tuple[np.ndarray, np.ndarray]:
    values = cells.values.contiguous().numpy()
    if isinstance(cells, Ragged):
        bounds = cells.offsets.numpy()
        each = values.itemsize * int(np.prod(values.shape[1:], dtype=np.int64))
    else:
        bounds = np.arange(len(cells) + 1)
        each = values.nbytes // max(1, len(cells))
    return values, bounds * each
