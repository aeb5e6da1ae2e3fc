"""Pictures and sounds that would take the memory, and paths that lead elsewhere (27)."""

import io
import json
import os
import struct
import subprocess
import sys
import wave
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import GifImagePlugin, Image as Pillow

from plait import Audio, Bag, DataError, Image, Learner, Table, Training, Video

MIB = 2**20
MOST = 300 * MIB
"""By how much a process may grow for one file."""
SIDE = 7_070
"""Of a square with almost 50 megapixels."""

# ---- files that say more than they are


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(width: int, height: int, bits: int = 8, color: int = 2, more: bytes = b"") -> bytes:
    """A PNG of some hundred bytes that says that it has so many pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    body = more + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6) + b",;"


def bmp(width: int, height: int) -> bytes:
    head = struct.pack("<IHHIIiiHH", 60, 0, 0, 54, 40, width, height, 1, 24)
    return b"BM" + head + bytes(30)


def tiff(width: int, height: int, samples: int = 3, rows: int | None = None) -> bytes:
    """A deflated TIFF of one strip, which a kilobyte of zeros fills."""
    strip = zlib.compress(bytes(10**6))
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 8), (262, 3, 2),
               (273, 4, 8 + 2 + 10 * 12 + 4), (277, 3, samples), (278, 4, rows or height),
               (279, 4, len(strip)), (284, 3, 1)]  # fmt: skip
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4) + strip


def webp(width: int, height: int) -> bytes:
    """The extended form, whose canvas is said in its header."""
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    part = b"VP8X" + struct.pack("<I", 10) + canvas + b"VP8 " + struct.pack("<I", 10) + bytes(10)
    return b"RIFF" + struct.pack("<I", 4 + len(part)) + b"WEBP" + part


def jpeg(width: int, height: int) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"


def whole(mode: str, kind: str, side: int = SIDE, frames: int = 1, turn: int = 1) -> bytes:
    """A real picture of one color, which any format makes small."""
    file, exif = io.BytesIO(), Pillow.Exif()
    exif[0x0112] = turn
    more = {"save_all": True} if frames > 1 else {}
    rest = [Pillow.new(mode, (side, side), n) for n in range(1, frames)]
    first = Pillow.new(mode, (side, side))
    first.save(file, kind, append_images=rest, exif=exif, **more)
    return file.getvalue()


def growing(*sizes: tuple[int, int]) -> bytes:
    """A GIF of one dot, whose frames grow beyond it."""
    frames = [b"".join(GifImagePlugin.getdata(Pillow.new("P", size))) for size in sizes]
    head = b"GIF89a" + struct.pack("<HH", 1, 1) + b"\x80\x00\x00\0\0\0\xff\xff\xff"
    return head + b"".join(frames) + b";"


def texts(kind: bytes) -> bytes:
    """A PNG beside whose pixels stand 20 MB of zeros, as text or as a profile of colors."""
    zeros = zlib.compress(bytes(20 * 10**6), 9)
    told = b"name\0\0" + zeros if kind != b"iTXt" else b"name\0\1\0\0\0" + zeros
    return png(8, 8, more=chunk(kind, told))


BEYOND = {
    "png 64 MP": png(8_000, 8_000),
    "png 120 MP": png(12_000, 10_000),
    "png 3.6 GP": png(60_000, 60_000),
    "png 2^31": png(2**31 - 1, 2**31 - 1),
    "png sliver": png(2**31 - 1, 1),
    "png 16 bits": png(30_000, 30_000, 16, 6),
    "png 1 bit": png(60_000, 60_000, 1, 0),
    "jpeg": jpeg(65_500, 65_500),
    "gif": gif(65_535, 65_535),
    "bmp": bmp(2**30, 2**30),
    "bmp upside down": bmp(100_000, -100_000),
    "tiff": tiff(2**31, 2**31),
    "tiff of one strip": tiff(60_000, 60_000),
    "tiff of samples": tiff(7_000, 7_000, 60_000),
    "webp": webp(2**24, 2**8),
    "webp 49 MP": webp(7_000, 7_000),
    "bytes": b"\x89PNG\r\n\x1a\n" + bytes(64 * MIB),
    "a fit": b"SIMPLE  =                    T" + bytes(5_000),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\n",
    "icon": b"\0\0\1\0\1\0\0\0\0\0\1\0\x20\0" + struct.pack("<II", 2**31, 22),
    "ppm": b"P6 99999 99999 255\n",
    "svg": b"<svg width='99999' height='99999'/>",
    "png of text": texts(b"zTXt"),
    "png of other text": texts(b"iTXt"),
    "png of a profile": texts(b"iCCP"),
}  # fmt: skip
"""What is refused by its header, or by its format."""
REAL = {
    "png with alpha at the bound": lambda: whole("RGBA", "PNG"),
}
WITHIN = {
    "png at the bound": lambda: whole("RGB", "PNG"),
    "png on its side": lambda: whole("RGB", "PNG", turn=6),
    "palette at the bound": lambda: whole("P", "PNG"),
    "gif at the bound": lambda: whole("P", "GIF"),
    "webp at the bound": lambda: whole("RGB", "WEBP", 3_740),
    "webp of two frames": lambda: whole("RGBA", "WEBP", 3_740, frames=2),
    "tiff at the bound": lambda: whole("RGB", "TIFF", 4_700),
}
"""What is real, and as large as it may be: some kilobytes that become some hundred megabytes."""
GROWING = {
    "gif of growing frames": lambda: growing((1, 1), (9, 9), (20_000, 20_000)),
    "gif header": lambda: gif(65_535, 65_535),
}
MOVING = {
    "gif": lambda: whole("P", "GIF", 3_740, frames=3),
    "webp": lambda: whole("RGBA", "WEBP", 3_740, frames=2),
    "webp of 49 MP": lambda: whole("RGB", "WEBP", 7_000),
    "png": lambda: whole("RGBA", "PNG", 3_740, frames=2),
    "picture at the bound": lambda: whole("RGB", "PNG"),
}


def wav(rate: int = 8_000, channels: int = 1, size: int = 2**31, width: int = 16) -> bytes:
    block = channels * width // 8
    part = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * block % 2**32,
                       block % 2**16, width)  # fmt: skip
    data = struct.pack("<4sI", b"data", size) + bytes(800)
    return b"RIFF" + struct.pack("<I", 36) + b"WAVE" + part + data


def sound(kind: str, seconds: int, rate: int, channels: int) -> bytes:
    """Silence, which FLAC and OGG make small."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, channels, format=kind) as writer:
        for _ in range(seconds):
            writer.write(np.zeros((rate, channels), np.float32))
    return file.getvalue()


SOUNDS = {
    "wav of 2 GiB": lambda: wav(),
    "wav of 60,000 channels": lambda: wav(channels=60_000),
    "wav at 4 GHz": lambda: wav(rate=2**32 - 1),
    "wav without channels": lambda: wav(channels=0),
    "wav at 400 kHz of 32 channels": lambda: wav(400_000, 32, 399 * 10**6),
}
LONG_SOUNDS = {
    "flac of 600 s": lambda: sound("FLAC", 600, 44_100, 2),
    "flac of 8 channels": lambda: sound("FLAC", 120, 96_000, 8),
    "flac at 192 kHz": lambda: sound("FLAC", 400, 192_000, 1),
    "ogg": lambda: sound("OGG", 120, 48_000, 2),
    "too many bytes": lambda: b"RIFF" + bytes(256 * MIB),
}

CHILD = """
import json, os, sys, warnings
from pathlib import Path
from plait import Audio, Image, Table, Video
from plait.modalities._pictures import Sources

kinds = {"picture": Image(size=64), "moving": Video(), "sound": Audio(seconds=600)}
good = {line.split()[0]: line.split()[1] for line in sys.argv[1:4]}
fitted = {name: kind.fit(Table.of({"x": [good[name]]}, root=Path.cwd()))
          for name, kind in ((n, __import__("dataclasses").replace(k, columns=("x",)))
                             for n, k in kinds.items())}
for name, part in fitted.items():  # what is imported on the way is not the file's
    part.pack(Table.of({"x": [good[name]]}, root=Path.cwd()))

def resident(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) * 1024

for line in sys.stdin:
    kind, path = line.split()
    ours, theirs = os.pipe()
    if not os.fork():
        open("/proc/self/clear_refs", "w").write("5")
        before = resident("VmRSS")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                found = fitted[kind].pack(Table.of({"x": [path]}, root=Path.cwd()))
                said = "read"
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
        grown = resident("VmHWM") - before
        told = [str(each.message) for each in told]
        os.write(theirs, json.dumps([said, grown, told]).encode() + b"\\n")
        os._exit(0)
    os.close(theirs)
    answer = b""
    while more := os.read(ours, 65536):
        answer += more
    os.close(ours)
    os.wait()
    print((answer or b'["died", 0, []]\\n').decode(), end="", flush=True)
"""


def small(kind: str) -> bytes:
    if kind == "sound":
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setparams((1, 2, 8000, 0, "NONE", ""))
            writer.writeframes(np.arange(4000, dtype="<i2").tobytes())
        return file.getvalue()
    return whole("RGB", "PNG", 32)


Name = tuple[str, str]
Became = dict[Name, tuple[str, int, list[str]]]
QUICK: dict[Name, Callable[[], bytes]] = {
    **{("picture", name): lambda content=content: content for name, content in BEYOND.items()},
    **{("picture", name): made for name, made in REAL.items()},
    **{("moving", name): made for name, made in GROWING.items()},
    **{("sound", name): made for name, made in SOUNDS.items()},
}
LONG: dict[Name, Callable[[], bytes]] = {
    **{("picture", name): made for name, made in WITHIN.items()},
    **{("moving", name): made for name, made in MOVING.items()},
    **{("sound", name): made for name, made in LONG_SOUNDS.items()},
}
"""These take a minute to make and to read."""


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> Became:
    return _grown(tmp_path_factory.mktemp("bombs"), QUICK)


@pytest.fixture(scope="module")
def grown_long(tmp_path_factory) -> Became:
    return _grown(tmp_path_factory.mktemp("bombs"), LONG)


def _grown(home: Path, files: dict[Name, Callable[[], bytes]]) -> Became:
    """What becomes of each file in a process of its own: the error, the growth, the warnings."""
    lines = []
    for number, ((kind, _), made) in enumerate(files.items()):
        (home / str(number)).write_bytes(made())
        lines.append(f"{kind} {number}")
    for kind in ("picture", "moving", "sound"):
        (home / f"good-{kind}").write_bytes(small(kind))
    good = [f"{kind} good-{kind}" for kind in ("picture", "moving", "sound")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *good], cwd=home, env=environment,
        input="\n".join(lines), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if os.environ.get("PLAIT_SHOW"):
        sys.stderr.write(done.stdout)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for path in home.iterdir():
        path.unlink()
    return {name: tuple(answer) for name, answer in zip(files, answers, strict=True)}


READ = {*(("picture", name) for name in (*REAL, *WITHIN)), ("moving", "gif"), ("moving", "webp"),
        ("moving", "png"), ("moving", "picture at the bound"), ("sound", "flac of 600 s"),
        ("sound", "flac of 8 channels"), ("sound", "ogg")}  # fmt: skip
TOLD = {
    "png 64 MP": "8,000 x 8,000 pixels, at most 50,000,000 are decoded",
    "png 120 MP": "120,000,000 pixels, at most 50,000,000 are decoded",
    "png 3.6 GP": "3,600,000,000 pixels, at most 50,000,000 are decoded",
    "jpeg": "4,290,250,000 pixels, at most 50,000,000 are decoded",
    "bytes": "67,108,872 bytes, at most 67,108,864 are read",
    "gif of growing frames": "400,000,000 pixels, at most 50,000,000 are decoded",
    "webp of 49 MP": "7,000 x 7,000 pixels, at most 14,000,000 are decoded",
    "wav of 2 GiB": "1,073,741,824 samples, at most 200,000,000 are read",
    "wav of 60,000 channels": "60,000 channels at 8,000 Hz, at most 32",
    "wav at 4 GHz": "1 channels at 4,294,967,295 Hz, at most 32 and 400,000 Hz",
    "flac at 192 kHz": "76,800,000 samples in 400 seconds, at most 27,000,000 are decoded",
}
"""The bound that is told, with what was found."""

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def check(name: Name, became: Became) -> None:
    said, growth, warned = became[name]
    assert growth <= MOST, f"{growth / MIB:.0f} MiB"
    if name in READ:
        assert said == "read"
    else:
        assert said.startswith("DataError: At most 1 % of the "), said
        assert "make smaller what is too large" in said
        assert TOLD.get(name[1], "") in said
    assert warned == []


@needs_linux
@pytest.mark.parametrize("name", QUICK, ids="-".join)
def test_no_file_takes_the_memory(grown, name):
    check(name, grown)


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("name", LONG, ids="-".join)
def test_no_real_file_takes_the_memory(grown_long, name):
    check(name, grown_long)


def test_there_are_enough_of_them():
    assert len(QUICK) >= 30
    assert {name for _, name in (*QUICK, *LONG)} >= set(TOLD)


# ---- paths

OUTSIDE = ["../secret.png", "in/../../secret.png", "{home}/secret.png", "/etc/passwd",
           "link.png", "folder/secret.png", "file:///etc/passwd", "FILE:/etc/passwd",
           "http://127.0.0.1/a.png", "s3://bucket/a.png", "data:image/png;base64,AA",
           "//host/share/a.png", "\\\\host\\share\\a.png", "a\0b.png"]  # fmt: skip
ABSENT = ["none.png", "~/secret.png", "$HOME/secret.png", "in", ".", "*.png", "x" * 5_000,
          "loop.png", "..\\secret.png", "secret.png\n"]  # fmt: skip
KINDS = {
    "picture": Image(columns=("x",), size=8),
    "sound": Audio(columns=("x",)),
    "video": Video(columns=("x",)),
    "bag": Bag(columns=("x",), of=Image(size=8)),
}


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "secret.png").write_bytes(small("picture"))
    root = tmp_path / "data"
    (root / "in").mkdir(parents=True)
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "folder").symlink_to(tmp_path)
    (root / "loop.png").symlink_to(root / "loop.png")
    return root


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("path", "words"),
    [*((path, "paths lead out of it") for path in OUTSIDE),
     *((path, "should exist") for path in ABSENT)],
    ids=lambda each: repr(each)[:24],
)  # fmt: skip
def test_a_path_leads_to_a_file_of_the_folder_or_nowhere(root, kind, path, words):
    path = path.replace("{home}", str(root.parent))
    cell = [path] if kind == "bag" else path
    table = Table.of({"x": [cell, cell]}, root=root)
    with pytest.raises(DataError, match=words):
        KINDS[kind].fit(table).pack(table)


def test_what_is_refused_is_refused_in_a_run(root):
    table = {"x": ["../secret.png"] * 20, "y": [0, 1] * 10}
    learner = Learner(["y"], {"x": "Image"}, training=Training(epochs=1, device="cpu"))
    with pytest.raises(DataError, match=r"20 rows|1 paths lead out of it"):
        learner.fit(table, root=root)
