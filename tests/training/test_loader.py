import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from plait.data import Masked, Pack, PackWriter, Ragged, stored_pack
from plait.training import Loader


def pack_of(rows: int) -> Pack:
    lengths = torch.arange(rows) * 7 % 11
    offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    values = torch.arange(float(rows))
    return Pack(
        rows,
        {
            "x": Masked(values, torch.ones(rows).bool()),
            "t": Ragged(torch.arange(int(offsets[-1])), offsets, lengths > 0),
        },
        {"y": Masked(values, values % 2 == 0)},
    )


@cache
def held(rows: int) -> Pack:
    return pack_of(rows)


@cache
def mapped(rows: int = 1_000) -> Pack:
    with tempfile.TemporaryDirectory() as folder:
        with PackWriter(Path(folder)) as writer:
            writer.append(held(rows))
        return stored_pack(Path(folder), writer.described(), mapped=True)


@settings(max_examples=25)
@given(st.integers(1, 260), st.integers(1, 60), st.integers(0, 2), st.booleans())
def test_with_a_window_every_row_comes_once_with_its_own_cells(window, size, epoch, bucket):
    loader = Loader(mapped(200), size, seed=4, window=window, bucket=bucket)
    batches = list(loader.epoch(epoch))
    assert len(batches) == loader.steps(epoch)
    assert max(map(len, batches)) <= size
    rows = torch.cat([batch.rows for batch in batches])
    assert sorted(rows.tolist()) == list(range(200))
    whole = held(200)
    for batch in batches[:3]:
        wanted = whole[batch.rows]
        assert torch.equal(batch.inputs["x"].values, wanted.inputs["x"].values)
        assert torch.equal(batch.inputs["t"].values, wanted.inputs["t"].values)
        assert torch.equal(batch.inputs["t"].mask, wanted.inputs["t"].mask)
        assert list(batch.targets) == list(wanted.targets)


def test_a_window_holds_rows_from_all_over_the_pack():
    batches = list(Loader(mapped(), 10, seed=0, window=250, bucket=False).epoch(0))
    means = torch.stack([batch.rows.float().mean() for batch in batches])
    # Rows drawn at random have a standard deviation of 289, and ten of them a tenth's root of it.
    assert 0.7 < float(means.std() / (289 / 10**0.5)) < 1.4


def test_the_batches_are_a_function_of_seed_and_epoch():
    def rows(window, seed=0, epoch=0, world=1, rank=0):
        loader = Loader(mapped(), 64, seed, window=window, world=world, rank=rank)
        return [batch.rows.tolist() for batch in loader.epoch(epoch)]

    for window in (None, 256):
        assert rows(window) == rows(window)
        assert rows(window) != rows(window, seed=1)
        assert rows(window) != rows(window, epoch=1)
        shares = [rows(window, world=2, rank=rank) for rank in (0, 1)]
        for step, one, other in zip(rows(window), *shares, strict=True):
            assert sorted(step) == sorted(one + other)


def test_lengths_matter_only_where_padding_would():
    even = Pack(64, {"t": Ragged(torch.ones(640).long(), torch.arange(0, 641, 10),
                                 torch.ones(64).bool())}, {})  # fmt: skip
    assert Loader(even, 8, seed=0).lengths is None
    assert Loader(pack_of(64), 8, seed=0).lengths is not None
    assert Loader(pack_of(64), 8, seed=0, bucket=False).lengths is None
    assert Loader(Pack(64, {"x": pack_of(64).inputs["x"]}, {}), 8, seed=0).lengths is None


def test_batches_of_like_length_hold_less_padding():
    draw = np.random.default_rng(0)
    lengths = torch.from_numpy(draw.integers(1, 60, 2_000))
    offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    words = Ragged(torch.ones(int(offsets[-1])).long(), offsets, torch.ones(2_000).bool())
    pack = Pack(2_000, {"t": words}, {})

    def padded(bucket):
        batches = Loader(pack, 32, seed=0, bucket=bucket).epoch(0)
        return sum(batch.inputs["t"].mask.numel() for batch in batches)

    assert padded(True) < 0.62 * padded(False)


@pytest.mark.parametrize("window", [1, 10, 100])
def test_no_more_rows_are_read_at_a_time_than_the_window_holds(window, monkeypatch):
    sizes = []
    read = Loader._read

    def watched(self, blocks):
        found = read(self, blocks)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(Loader, "_read", watched)
    list(Loader(mapped(), 16, seed=0, window=window).epoch(0))
    assert max(sizes) <= window


@pytest.mark.parametrize("window", [None, 90, 1_000_000])
@pytest.mark.parametrize("done", [0, 1, 9, 25, 50, 51, 200])
def test_batches_that_are_done_are_left_out_and_not_read(window, done, monkeypatch):
    loader = Loader(mapped(), 20, seed=3, window=window)
    read: list[int] = []
    plain = Pack.slice
    monkeypatch.setattr(
        Pack, "slice", lambda pack, start, stop: read.append(start) or plain(pack, start, stop)
    )
    whole = [batch.rows.tolist() for batch in loader.epoch(1)]
    all_of_it = len(read)
    rest = [batch.rows.tolist() for batch in loader.epoch(1, done)]
    assert rest == whole[done:]
    again = len(read) - all_of_it
    if window == 90:
        share = len(rest) / len(whole)
        assert again <= all_of_it * share + 90, "windows that are done stay shut"
