"""What does not change from epoch to epoch, once and for all."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from plait._model import Model
from plait.data import Bagged, Masked, Note, Pack, Ragged, Repeated, merged
from plait.data._distinct import digests, distinct
from plait.modalities import Staged
from plait.modalities._bag_encoder import BagEncoder
from plait.modalities._video_encoder import VideoEncoder

from ._kept_cells import KeptCells
from ._kept_store import KeptStore, tidy
from ._piece import Piece

TOKENS, TOKENS_ON_A_GPU = 2_048, 65_536
"""How many entries an encoder is given at a time, padding included; more do not stay in a cache."""
ROWS = 64
"""How many cells of one size it is given at a time."""
GIGABYTE = 2**30
OnRows = Callable[[int, int], object]


def keep(
    model: Model,
    pack: Pack,
    *,
    cache: Path | None = None,
    device: str = "cpu",
    on_rows: OnRows = lambda done, total: None,
    most: int = 8 * GIGABYTE,
    limit: int | None = None,
) -> Pack:
    """A pack in which the still parts of all encoders are already done.

    Use it before several epochs over a model with a pretrained encoder, or before an answer for
    many rows: each different cell is run once, in batches of like length. The model gives the
    same for the new pack as for the old one.

    Args:
        model: Whose :class:`~plait.modalities.Staged` encoders are asked.
        pack: The rows, on the processor.
        cache: A folder in which vectors are kept from run to run. They are found again by the
            weights of the encoder and the content of the cell, whatever table it stands in.
        device: Where to compute. The encoders are brought back to where they were.
        on_rows: Told for each input how many cells are done, and of how many.
        most: An input whose vectors would take more bytes of memory is left as it is.
        limit: How many bytes the folder may take; beyond, what was unused for longest is removed.

    Returns:
        The pack, with notes of what could not be read or written.

    Example:
        >>> from plait import Schema
        >>> table = {"age": [30, None], "bought": [True, False]}
        >>> schema = Schema.infer(table, targets=["bought"]).fit(table)
        >>> pack = schema.pack(table)
        >>> keep(Model(schema, width=8), pack).inputs == pack.inputs  # nothing to keep
        True
    """
    inputs: dict[str, Masked | Ragged | Repeated | Bagged] = dict(pack.inputs)
    notes = list(pack.notes)
    for name, encoder in zip(model.inputs, model.encoders, strict=True):
        cells = inputs[name]
        if name not in model.view:
            continue
        # Of a bag, it is the items that are run, each once.
        each = encoder.each if isinstance(encoder, BagEncoder | VideoEncoder) else encoder
        items = cells.cells if isinstance(cells, Bagged) else cells
        if isinstance(each, Staged) and isinstance(items, Masked | Ragged) and len(items):
            found, told = _kept(each, items, name, cache, device, on_rows, most)
            # What an encoder makes of words no longer says which: some read them themselves.
            if isinstance(found, Repeated) and (name in model.short or each.SOURCE):
                found = replace(found, source=items)
            items = found
            inputs[name] = Bagged(items, cells.offsets) if isinstance(cells, Bagged) else items
            notes += told
    if cache and limit is not None:
        tidy(cache, limit)
    return replace(pack, inputs=inputs, notes=merged(notes))


def _kept(
    encoder: Staged,
    cells: Masked | Ragged,
    name: str,
    cache: Path | None,
    device: str,
    on_rows: OnRows,
    most: int,
) -> tuple[Masked | Ragged | Repeated, list[Note]]:
    if isinstance(cells, Masked) and cells.mask.ndim > 1:
        return cells, []  # cells that differ in what is missing only are not told apart
    first, index = distinct(cells)
    store = None
    if cache and len(first) and encoder.vouched:
        key = encoder.key
        store = KeptStore(cache / key, key, digests(cells, first), name)
    kept, done = None, 0
    for piece in _pieces(encoder.still, cells, first, store, device):
        if kept is None:
            kept = _room(cells, first, piece, most)
        if isinstance(kept, Note):
            return cells, [replace(kept, column=name), *(store.notes if store else [])]
        kept.put(piece)
        done += len(piece.places)
        on_rows(done, len(first))
    if kept is None:  # nothing is there in any row
        return cells, []
    return Repeated(kept.cells(), index), store.notes if store else []


def _room(
    cells: Masked | Ragged, first: Int64[Tensor, " distinct"], piece: Piece, most: int
) -> KeptCells | Note:
    lengths = None
    if piece.lengths is not None:
        same = piece.lengths[:1].expand(len(first))
        lengths = cells.lengths[first] if isinstance(cells, Ragged) else same
    entries = len(first) if lengths is None else int(lengths.sum())
    size = piece.values.shape[1]
    needed = entries * size * piece.values.itemsize
    if needed > most:
        told = f"cells whose vectors would take {needed / GIGABYTE:.1f} GiB, and are not kept"
        return Note("", told, len(first))
    return KeptCells(len(first), lengths, size)


def _pieces(
    still: nn.Module,
    cells: Masked | Ragged,
    first: Int64[Tensor, " distinct"],
    store: KeptStore | None,
    device: str,
) -> Iterator[Piece]:
    missing = torch.ones(len(first)).bool()
    for piece in store.read() if store else ():
        missing[piece.places] = False
        yield piece
    places = missing.nonzero()[:, 0]
    if not len(places):
        return
    home = {each.device for each in still.parameters()}
    try:
        still.to(device)
        tokens = TOKENS if torch.device(device).type == "cpu" else TOKENS_ON_A_GPU
        for some in _batches(cells, first, places, tokens):
            piece = _run(still, cells.take(first[some]).to(device), some)
            if store:
                store.add(piece)
            yield piece
    finally:
        # What is done is done: a run that is stopped here goes on from here.
        if store:
            store.flush()
        for each in home:
            still.to(each)


def _batches(
    cells: Masked | Ragged,
    first: Int64[Tensor, " distinct"],
    places: Int64[Tensor, " some"],
    tokens: int,
) -> Iterator[Int64[Tensor, " batch"]]:
    """Cells of like length together, the longest first: if memory ends, it ends at once."""
    if isinstance(cells, Masked):
        yield from places.split(ROWS)
        return
    lengths, order = cells.lengths[first[places]].sort(descending=True, stable=True)
    start = 0
    while start < len(places):
        stop = start + max(1, tokens // int(lengths[start]))
        yield places[order[start:stop]]
        start = stop


@torch.inference_mode()
def _run(still: nn.Module, cells: Masked, places: Int64[Tensor, " batch"]) -> Piece:
    given = still(cells)
    if given.mask.ndim == 1:
        return Piece(places, given.values.float().cpu(), None)
    return Piece(places, given.values[given.mask].float().cpu(), given.mask.sum(1).cpu())
