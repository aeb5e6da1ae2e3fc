"""Pictures: modes, paths, damage and bombs, and what a training step sees."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from plait.data import Masked, Table
from plait.modalities import Image
from plait.modalities._conv_encoder import ConvEncoder
from plait.modalities._vit_encoder import ViTEncoder

PLAIN = Image(columns=("x",), size=8, rows=10)


def saved(picture, form="PNG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def flat(color, mode="RGB", size=(8, 8)):
    return Pillow.new(mode, size, color)


def pack(cells, root=None, part=PLAIN):
    packed = part.pack(Table.of({"x": cells}, root=root))
    return packed.cells.values, packed.cells.mask.tolist(), [str(n) for n in packed.notes]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes that promises so many pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(
        b"IEND", b"")  # fmt: skip


PALETTE = flat((10, 200, 30)).quantize(4)
GREY16 = Pillow.fromarray(np.full((8, 8), 0x8000, np.uint16))


@pytest.mark.parametrize(
    ("cell", "color"),
    [
        (saved(flat((10, 200, 30))), (10, 200, 30)),
        (saved(flat(77, "L")), (77, 77, 77)),
        (saved(flat(1, "1")), (255, 255, 255)),
        (saved(PALETTE), (10, 200, 30)),
        (saved(flat((10, 200, 30, 255), "RGBA")), (10, 200, 30)),
        (saved(flat((10, 200, 30, 0), "RGBA")), (255, 255, 255)),
        (saved(flat((100, 0), "LA")), (255, 255, 255)),
        (saved(PALETTE, transparency=PALETTE.getpixel((0, 0))), (255, 255, 255)),
        (saved(GREY16), (128, 128, 128)),
        (saved(GREY16, "TIFF"), (128, 128, 128)),
        (saved(flat((0, 0, 0, 0), "CMYK"), "JPEG"), (255, 255, 255)),
        (saved(flat((255, 0, 0, 0), "CMYK"), "TIFF"), (0, 255, 255)),
        (saved(flat((10, 200, 30)), "BMP"), (10, 200, 30)),
        (saved(flat((10, 200, 30)), "WEBP", lossless=True), (10, 200, 30)),
        (saved(flat(0, "P"), "GIF"), (0, 0, 0)),
    ],
    ids=range(15),
)
def test_every_mode_becomes_rgb(cell, color):
    values, mask, notes = pack([cell])
    assert (mask, notes) == ([True], [])
    expected = torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert (values.int() - expected).abs().max() <= 3


def test_32_bits_are_not_cut_to_white():
    wide = saved(Pillow.fromarray(np.full((8, 8), 70_000, np.int32)), "TIFF")
    good = [saved(flat((1, 2, 3)))] * 100
    _, mask, notes = pack([wide, *good])
    assert mask == [False] + [True] * 100
    assert notes == ["x: 1 pictures that cannot be read (row 0)"]


def test_pictures_stand_upright():
    upright = np.zeros((40, 40, 3), np.uint8)
    upright[:20, :20] = 255
    for number, turn in {1: 0, 3: 2, 6: 1, 8: 3}.items():
        exif = Pillow.Exif()
        exif[0x0112] = number
        stored = Pillow.fromarray(np.rot90(upright, turn).copy())
        for form, options in (("JPEG", {"quality": 95}), ("PNG", {}), ("TIFF", {})):
            values, _, _ = pack([saved(stored, form, exif=exif, **options)])
            assert (values[0, :, :3, :3] > 240).all(), (number, form)
            assert (values[0, :, 5:] < 15).all()


def test_bytes_and_paths_give_equal_pixels(tmp_path):
    rng = np.random.default_rng(0)
    cells = []
    for number, form in enumerate(("JPEG", "PNG", "WEBP")):
        noise = Pillow.fromarray(rng.integers(0, 256, (300, 200, 3), dtype=np.uint8))
        cells.append(saved(noise, form))
        (tmp_path / f"{number}.txt").write_bytes(cells[-1])  # the ending says nothing
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "again.png").symlink_to(tmp_path / "1.txt")
    here, _, _ = pack(cells)
    there, mask, _ = pack(["0.txt", "./1.txt", "in/../2.txt", None, " ", "in/again.png"], tmp_path)
    assert torch.equal(here, there[:3])
    assert torch.equal(there[5], there[1])
    assert mask == [True, True, True, False, False, True]
    assert torch.equal(pack([str(tmp_path / "0.txt")], tmp_path)[0], here[:1])


@pytest.mark.parametrize(
    "path",
    ["../out.png", "link.png", "folder/out.png", "in/../../out.png", "a\0b", "{absolute}",
     "file:///etc/passwd", "//host/share/a.png", "\\\\host\\share\\a.png", "https://a.example/b.png"],
)  # fmt: skip
def test_paths_out_of_the_folder_are_refused(tmp_path, path):
    root = tmp_path / "data"
    (root / "in").mkdir(parents=True)
    (tmp_path / "out.png").write_bytes(saved(flat(0)))
    (root / "link.png").symlink_to(tmp_path / "out.png")
    (root / "folder").symlink_to(tmp_path)
    path = path.replace("{absolute}", str(tmp_path / "out.png"))
    with pytest.raises(ValueError, match=r"'x' should lie in the data's folder. 1 paths lead out"):
        pack([path], root)


@pytest.mark.parametrize(
    "path",
    ["none.png", "in", ".", "x" * 5000, "loop.png", "~/a.png", "*.png"],
)
def test_paths_that_are_no_file_are_refused(tmp_path, path):
    (tmp_path / "in").mkdir()
    (tmp_path / "ok.png").write_bytes(saved(flat(0)))
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(ValueError, match=r"'x' should exist. 2 rows name files that do not"):
        pack([path, "ok.png", path], tmp_path)


def test_other_cells_are_refused():
    with pytest.raises(ValueError, match=r"'x' should be paths or bytes. Found int64"):
        pack([1, 2])
    with pytest.raises(ValueError, match=r"'x' should hold pictures. Found none that can be read"):
        Image(columns=("x",)).fit(Table.of({"x": [b"no", None]}))


def test_up_to_one_percent_may_be_unreadable():
    good, bad = saved(flat((1, 2, 3))), saved(flat(0, size=(99, 99)), "PNG")[:60]
    for rows in (100, 700, 2900):  # 0.01 * 2900 is a little less than 29
        few = rows // 100
        values, mask, notes = pack([bad] * few + [good] * (rows - few) + [None, b""])
        assert mask == [False] * few + [True] * (rows - few) + [False] * 2
        assert (values[:few] == 0).all()
        assert notes[0] == "x: 2 missing"
        assert notes[1].startswith(f"x: {few} pictures that cannot be read (row 0")
    with pytest.raises(ValueError, match=r"At most 1 % .* 2 of 100 are \(rows .* 3, 101\)"):
        pack([None, None, good, bad, *[good] * 97, bad])


@pytest.mark.parametrize("size", [(8_000, 8_000), (12_000, 10_000), (60_000, 60_000)])
def test_bombs_are_refused_by_their_header(size):
    cells = [saved(flat((1, 2, 3)))] * 100
    _, mask, notes = pack([bomb(*size), *cells])
    assert mask == [False] + [True] * 100
    (note,) = notes
    assert note.startswith("x: 1 pictures that cannot be read (row 0: ")
    assert note.endswith(" pixels, at most 50,000,000 are decoded)")
    with pytest.raises(ValueError, match=r"0: .* pixels, at most 50,000,000 .*larger than 50 mega"):
        pack([bomb(*size), b"no"])
    with pytest.raises(ValueError, match=r"Found none that can be read \(.* at most 50,000,000"):
        Image(columns=("x",)).fit(Table.of({"x": [bomb(*size)]}))


def test_too_many_bytes_are_refused(monkeypatch):
    monkeypatch.setattr("plait.modalities._pictures.MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"1 of 1 are .*0: [\d,]+ bytes, at most 100 are read"):
        pack([saved(Pillow.effect_noise((30, 30), 90))])


def test_damage_of_any_kind_is_unreadable_and_nothing_else():
    rng, noise = random.Random(0), Pillow.effect_noise((40, 30), 90).convert("RGB")
    exif = Pillow.Exif()
    exif[0x0112] = 6
    whole = [saved(noise, form, exif=exif) for form in ("JPEG", "PNG", "WEBP", "TIFF")]
    whole += [
        saved(noise, "BMP"),
        saved(noise, "GIF"),
        saved(noise.convert("P"), transparency=b"a"),
    ]
    cells = []
    for number in range(700):
        data = bytearray(whole[number % len(whole)])
        for _ in range(rng.choice([1, 3, 20])):
            data[rng.randrange(min(len(data), rng.choice([60, 10_000])))] = rng.choice([0, 255, 7])
        cells.append(bytes(data[: rng.randrange(1, len(data))] if number % 4 == 0 else data))
    with pytest.raises(ValueError, match="may be unreadable"):
        pack(cells)


def test_size_is_the_median_of_the_shorter_sides_within_bounds():
    for sizes, side in (([(20, 30), (25, 90), (99, 40)], 25), ([(3, 9)], 8), ([(900, 800)], 64)):
        cells = [*[saved(flat(0, size=size)) for size in sizes], None]
        assert Image(columns=("x",)).fit(Table.of({"x": cells})).size == side
    assert Image(columns=("x",), size=100).fit(Table.of({"x": ["nowhere"]})).size == 100


def test_which_encoder():
    assert isinstance(Image(encoder="vit", size=16, rows=9).build(8), ViTEncoder)
    small, large = (Image(size=16, rows=rows).build(8) for rows in (10, 100_000))
    assert isinstance(small, ConvEncoder)
    count = [sum(p.numel() for p in each.parameters()) for each in (small, large)]
    assert count[0] < count[1] / 5


@pytest.mark.parametrize("size", [8, 9, 23, 100])
@pytest.mark.parametrize("encoder", ["conv", "vit"])
def test_encoders_take_every_size(encoder, size):
    for rows in (10, 100_000):
        encode = Image(encoder=encoder, size=size, rows=rows).build(8)
        cells = Masked(torch.full([1, 3, size, size], 200, dtype=torch.uint8), torch.ones(1).bool())
        assert encode(cells).values.shape == (1, 1, 8)
        encode(cells).values.sum().backward()


@pytest.mark.parametrize(("flip", "shift"), [(True, 0.0), (False, 0.2), (True, 0.5), (False, 0.0)])
def test_flip_and_shift_against_plain_loops(flip, shift):
    part = Image(columns=("x",), size=10, flip=flip, shift=shift, rows=5)
    pixels = torch.randint(0, 256, [6, 3, 10, 10], dtype=torch.uint8)
    draws = torch.rand(6, 3)
    draws[0] = 0.0
    draws[1] = 1 - 2**-24
    varied = part.augment(Masked(pixels, torch.ones(6).bool()), lambda count: draws[:, :count])
    most = round(shift * 10)
    for row in range(6):
        mirrored = flip and draws[row, 0] < 0.5
        down, right = (int(draws[row, i] * (2 * most + 1)) - most for i in (1, 2))
        for y in range(10):
            for x in range(10):
                above, beside = min(9, max(0, y + down)), min(9, max(0, x + right))
                beside = 9 - beside if mirrored else beside
                assert torch.equal(varied.values[row, :, y, x], pixels[row, :, above, beside])
