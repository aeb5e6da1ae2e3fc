"""Moving pictures: which frames are taken, what is refused, and that time counts."""

import io
import struct
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import GifImagePlugin, Image as Pillow

from plait import ConfigError, DataError
from plait.data import Bagged, Masked, Table, noise
from plait.modalities import Image, Text, Video, _video_frames
from plait.modalities._video_encoder import VideoEncoder, waves
from plait.modalities._video_frames import are_even, moments


def shade(level: int) -> Pillow.Image:
    return Pillow.fromarray(np.full((16, 20, 3), level, np.uint8))


def still(level: int) -> bytes:
    file = io.BytesIO()
    shade(level).save(file, "PNG")
    return file.getvalue()


def moving(levels: list[int], kind: str = "GIF", duration: int | list[int] = 40) -> bytes:
    first, *rest = map(shade, levels)
    file = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    first.save(file, kind, save_all=True, append_images=rest, duration=duration, **options)
    return file.getvalue()


def packed(cells, **options):
    table = Table.of({"x": cells})
    found = Video(columns=("x",), **options).fit(table).pack(table)
    assert isinstance(found.cells, Bagged)
    return found.cells, [str(note) for note in found.notes]


def levels(cells: Bagged) -> list[list[int]]:
    """The shade of each frame of each row."""
    shades = cells.cells.tensors()[0][:, 0, 0, 0].tolist()
    bounds = cells.offsets.tolist()
    return [shades[a:b] for a, b in pairwise(bounds)]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animated_file_is_its_frames(kind):
    cells, notes = packed([moving([10, 90, 200], kind), None, moving([50, 70], kind)])
    for found, wanted in zip(levels(cells), [[10, 90, 200], [], [50, 70]], strict=True):
        assert found == pytest.approx(wanted, abs=2)
    assert notes == ["x: 1 missing"]


def test_files_by_path_and_a_still_picture_are_videos_too(tmp_path):
    (tmp_path / "a.gif").write_bytes(moving([10, 20, 30]))
    (tmp_path / "b.png").write_bytes(still(99))
    table = Table.of({"x": ["a.gif", "b.png", ""]}, root=tmp_path)
    known = Video(columns=("x",)).fit(table)
    assert levels(known.pack(table).cells) == [[10, 20, 30], [99], []]
    assert sorted(path.name for path in known.files(table)) == ["a.gif", "b.png"]


def test_a_list_is_its_frames_and_a_hole_keeps_its_place():
    cells, notes = packed([[still(5), None, still(7)], [], [None], [still(9)]])
    assert levels(cells) == [[5, 0, 7], [], [0], [9]]
    assert cells.cells.present.tolist() == [True, False, True, False, True]
    assert notes == ["x: 2 missing", "x: 2 missing items"]


def test_of_many_frames_evenly_spread_ones_are_taken():
    shades = [10 * n for n in range(9)]
    wanted = [10, 40, 70]
    for cells in ([moving(shades)] * 2, [[still(n) for n in shades], [still(0)] * 3]):
        found, notes = packed(cells, frames=3)
        assert levels(found)[0] == wanted
        assert notes == [f"x: {2 if cells[0] == cells[1] else 1} of which 3 frames were taken"]


@pytest.mark.parametrize("count", range(1, 30))
@pytest.mark.parametrize("most", [1, 2, 5, 16])
def test_even_frames_are_the_middles_of_stretches(count, most):
    wanted = set(range(count)) if count <= most else {
        int((k + 0.5) * count / most) for k in range(most)
    }  # fmt: skip
    taken = np.flatnonzero(are_even(np.arange(count), np.full(count, count), most))
    assert set(taken.tolist()) == wanted
    assert moments(np.full(count, 40.0), most).tolist() == taken.tolist()


def test_a_frame_that_lasts_long_is_seen_more_often():
    assert moments(np.array([10.0, 30.0]), 4).tolist() == [0, 1, 1, 1]
    found, _ = packed([moving([10, 200], duration=[100, 300])], frames=4)
    assert levels(found) == [[10, 200, 200, 200]]


def test_films_are_refused_with_what_to_do(tmp_path):
    film = b"\0\0\0\x20ftypisom" + bytes(99)
    (tmp_path / "clip.mp4").write_bytes(film)
    known = Video(columns=("x",)).fit(Table.of({"x": [moving([1, 2])]}))
    for cells in (["clip.mp4"], [film], [b"\x1a\x45\xdf\xa3" + bytes(20)]):
        with pytest.raises(DataError, match=r"1 are films, for example in row 1: .*Extract frames"):
            known.pack(Table.of({"x": [None, *cells]}, root=tmp_path))


def test_damaged_and_large_files_are_counted_or_refused(monkeypatch):
    good = [moving([1, 2, 3])] * 120
    _, notes = packed([*good, b"GIF89a nothing"])
    assert notes == ["x: 1 videos that cannot be read (row 120)"]
    with pytest.raises(DataError, match=r"2 of 3 are \(rows counted from 0: 1, 2\)"):
        packed([good[0], good[0][:40], b"no"])
    monkeypatch.setattr(_video_frames, "MOST_MOVING", 16 * 20 * 3 - 1)
    with pytest.raises(DataError, match="no frame that can be read"):
        packed(good[:2])
    monkeypatch.setattr(_video_frames, "MOST_MOVING", 16 * 20 * 3)
    monkeypatch.setattr(_video_frames, "MOST_FRAMES", 2)
    known = Video(columns=("x",)).fit(Table.of({"x": [moving([1, 2])]}))
    with pytest.raises(DataError, match=r"0: 3 frames of 20 x 16 pixels, at most 2 frames"):
        known.pack(Table.of({"x": good[:2]}))
    with pytest.raises(DataError, match="no frame that can be read"):
        packed(good[:2])


def stack(pages: list[Pillow.Image], kind: str = "TIFF", **options) -> bytes:
    first, *rest = pages
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=rest, **options)
    return file.getvalue()


def test_16_bits_are_not_cut_to_white():
    pages = [Pillow.fromarray(np.full((16, 24), n, np.uint16)) for n in (0x0300, 0x4E00, 0xEA00)]
    cells, _ = packed([stack(pages)])
    assert levels(cells) == [[3, 78, 234]]
    lists, _ = packed([[stack([page], "PNG") for page in pages]])
    assert levels(lists) == levels(cells)


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "JPEG"])
def test_frames_are_turned_as_the_file_says(kind):
    halves = Pillow.fromarray(np.repeat([[20], [220]], 8, 0).repeat(16, 1).astype(np.uint8))
    exif = Pillow.Exif()
    exif[0x0112] = 3  # upside down
    more = {} if kind == "JPEG" else {"save_all": True, "append_images": [halves.convert("RGB")]}
    file = io.BytesIO()
    halves.convert("RGB").save(file, kind, exif=exif, **more)
    cells, _ = packed([file.getvalue()], of=Image(size=16))
    first = cells.cells.tensors()[0][0, 0].float()
    assert first[:7].mean() == pytest.approx(220, abs=6)
    assert first[9:].mean() == pytest.approx(20, abs=6)


def grown(sizes: list[tuple[int, int]]) -> bytes:
    """A GIF of one dot, whose frames grow beyond it."""
    frames = [b"".join(GifImagePlugin.getdata(Pillow.new("P", size))) for size in sizes]
    head = b"GIF89a" + struct.pack("<HH", 1, 1) + b"\x80\x00\x00\0\0\0\xff\xff\xff"
    return head + b"".join(frames) + b";"


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_frames_that_are_larger_than_the_first_are_refused_undecoded(kind, monkeypatch):
    sizes = [(1, 1), (30, 20), (40, 20)]
    file = grown(sizes) if kind == "GIF" else stack([Pillow.new("L", size) for size in sizes])
    decoded = []
    with Pillow.open(io.BytesIO(file)) as picture:
        load = type(picture).load

    def counted(self):
        decoded.append(self.size)
        return load(self)

    monkeypatch.setattr(type(picture), "load", counted)
    for name, most in (("MOST_COPIED", 799), ("MOST_MOVING", 1400)):
        decoded.clear()
        with monkeypatch.context() as within:
            within.setattr(_video_frames, name, most)
            assert _video_frames._frames(file, 4).wrong
        assert set(decoded) == set(sizes[:2])
    assert len(_video_frames._frames(file, 4).files) == 3


def test_frames_are_pictures():
    with pytest.raises(ConfigError, match="frames of a video should be pictures"):
        Video(columns=("x",), of=Text()).fit(Table.of({"x": [["a"]]}))


def test_all_frames_of_a_row_are_varied_alike(draw_picture):
    known = Video(columns=("x",), of=Image(size=16, shift=0.3))
    table = Table.of({"x": [[draw_picture(1)] * 4, [draw_picture(2)] * 3]})
    known = known.fit(table)
    rows = torch.arange(2)
    batch = known.pack(table).cells.take(rows)
    varied = known.augment(batch, lambda count: noise(1, 1, rows, count)).values
    assert not torch.equal(varied, batch.values)
    assert torch.equal(varied[0], varied[0, :1].expand(4, -1, -1, -1))


class Flat(torch.nn.Module):
    """The numbers of an item as its token."""

    def forward(self, cells: Masked) -> Masked:
        return Masked(cells.values.unsqueeze(1), cells.mask.unsqueeze(1))


@pytest.fixture
def encode():
    module = VideoEncoder(Flat(), 8).eval()
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return module


def test_the_order_of_frames_counts(encode):
    values, mask = torch.randn(1, 4, 8), torch.ones(1, 4).bool()
    usual = encode(Masked(values, mask)).values
    assert not torch.allclose(encode(Masked(values.flip(1), mask)).values, usual, atol=1e-2)
    same = values[:, :1].expand(1, 4, 8)
    back = encode(Masked(same.flip(1), mask)).values
    assert torch.allclose(back, encode(Masked(same, mask)).values)


def test_a_missing_frame_has_no_say_and_keeps_its_place(encode):
    values, mask = torch.randn(1, 3, 8), torch.tensor([[True, False, True]])
    usual = encode(Masked(values, mask)).values
    soiled = values.clone()
    soiled[0, 1] = torch.nan
    assert torch.equal(encode(Masked(soiled, mask)).values, usual)
    closed = encode(Masked(values[:, [0, 2]], torch.ones(1, 2).bool())).values
    assert not torch.allclose(closed, usual, atol=1e-3)
    none = encode(Masked(values, torch.zeros(1, 3).bool()))
    assert none.values.isfinite().all()
    assert not none.mask.any()


def test_moments_run_from_the_first_frame_to_the_last():
    found = waves(torch.tensor([[True, True, True, True], [True, False, False, False]]))
    for octave in range(6):
        angles = np.pi * 2**octave * (np.arange(4) + 0.5) / 4
        assert found[0, :, octave].numpy() == pytest.approx(np.sin(angles), abs=1e-5)
        assert found[0, :, 6 + octave].numpy() == pytest.approx(np.cos(angles), abs=1e-5)
    assert found[1, 0, 0].item() == pytest.approx(1)
