"""Kept vectors on disk, as other processes come and go."""

from pathlib import Path

import numpy as np
import pytest
import torch

from plait.training import _kept_store
from plait.training._kept_store import KeptStore
from plait.training._piece import Piece

KEYS = np.random.default_rng(0).integers(0, 256, [32, 16], np.uint8)


class Watched(torch.Tensor):
    """Counts how often its size is asked for."""

    asked = 0

    @property
    def nbytes(self) -> int:
        type(self).asked += 1
        return super().nbytes


def piece(place: int) -> Piece:
    values = torch.full((1, 4), float(place)).as_subclass(Watched)
    return Piece(torch.tensor([place]), values, None)


def store(folder: Path) -> KeptStore:
    return KeptStore(folder, "key", KEYS, "note")


def test_the_size_of_a_piece_is_asked_once(tmp_path, monkeypatch):
    monkeypatch.setattr(Watched, "asked", 0)
    made = store(tmp_path)
    for place in range(20):
        made.add(piece(place))
    assert Watched.asked == 20


def test_a_file_is_written_as_soon_as_there_is_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(_kept_store, "SHARD", 3 * 16)
    made, counts = store(tmp_path), []
    for place in range(7):
        made.add(piece(place))
        counts.append(len(list(tmp_path.iterdir())))
    assert counts == [0, 0, 1, 1, 1, 2, 2]
    made.flush()
    found = [int(place) for each in store(tmp_path).read() for place in each.places]
    assert sorted(found) == [*range(7)]


@pytest.mark.parametrize("when", ["before", "between"])
def test_a_file_that_is_tidied_away_meanwhile_is_no_damage(tmp_path, monkeypatch, when):
    first = store(tmp_path)
    first.add(piece(3))
    first.flush()
    (path,) = tmp_path.iterdir()
    made = store(tmp_path)
    if when == "before":
        monkeypatch.setattr(Path, "glob", lambda *_: [path])
        path.unlink()
    else:
        monkeypatch.setattr(made, "_checked", lambda gone: gone.with_name("gone").read_bytes())
    assert list(made.read()) == []
    assert made.notes == []
