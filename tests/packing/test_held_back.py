import numpy as np
import pytest

from plait.packing._held_back import held_back, others


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.89])
def test_a_row_is_either_trained_on_or_held_back(rows, share):
    held = held_back(rows, share, seed=0)
    train = others(rows, held)
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(rows))
    assert len(train) >= 1
    assert len(held) == min(round(share * rows), rows - 1)
    assert (np.diff(train) > 0).all()
    assert (np.diff(held) > 0).all()
    assert (held_back(rows, share, seed=0) == held).all()


def test_no_more_is_held_back_than_choosing_needs():
    assert len(held_back(200_000, 0.1, seed=0)) == 10_000


def test_of_very_many_rows_few_are_drawn_without_writing_all_down(monkeypatch):
    monkeypatch.setattr("plait.packing._held_back.FEW", 1_000)
    held = held_back(100_000, 0.01, seed=3)
    assert len(np.unique(held)) == 1_000
    assert held.max() < 100_000
    assert abs(held.mean() - 50_000) < 4_000
    assert (held != held_back(100_000, 0.01, seed=4)).any()
