"""What comes as a model is looked at before it is read, and nothing is written (25)."""

import hashlib
import json
import os
import shutil
import socket
import stat
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import plait
from plait import ArtifactError, ConfigError, Learner, PlaceError, Training
from plait.__main__ import main
from plait._artifact import PARTS, save
from plait.data._safe import LONGEST_HEADER, MOST_TENSORS, check_header
from plait.modalities._hf_folder import HfFolder
from plait.modalities._static_folder import StaticFolder
from plait.modalities._timm_file import TimmFile

FILES = ("manifest.json", *PARTS)
ROWS = {"x": [float(n) for n in range(24)], "y": [2.0 * n + n % 3 for n in range(24)]}


@pytest.fixture(scope="module")
def learner() -> Learner:
    return Learner(["y"], width=8, training=Training(epochs=1, device="cpu")).fit(ROWS)


@pytest.fixture(scope="module")
def whole(learner, tmp_path_factory) -> Path:
    return learner.save(tmp_path_factory.mktemp("whole") / "model")


@pytest.fixture
def model(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "in" / "model"))


def sealed(manifest: dict) -> str:
    """A manifest that vouches for itself, as every version has to write it."""
    body = {name: value for name, value in manifest.items() if name != "seal"}
    seal = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return json.dumps({**body, "seal": seal}, indent=1)


def vouched(folder: Path, part: str) -> None:
    """Let the manifest say that a part is what was saved."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["sha256"][part] = hashlib.sha256((folder / part).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(sealed(manifest), encoding="utf-8")


def seen(folder: Path) -> list[tuple]:
    """All that is below a folder, with what would tell a change."""
    found = []
    for path in sorted(folder.rglob("*")):
        told = path.lstat()
        found.append((str(path), told.st_mode, told.st_size, told.st_mtime_ns, told.st_ino))
    return found


def refused(path: Path, words: str) -> None:
    """A refusal within ten seconds, in Python and on the command line, that changes nothing."""
    before = seen(path.parent)
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(plait.load, path).exception(timeout=10)
    assert isinstance(error, ArtifactError), error
    assert words in str(error)
    assert main(["predict", str(path), "none.csv", "-o", str(path.parent / "answers.csv")]) == 3
    assert seen(path.parent) == before


# ---- archives


def zipped(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in FILES:
            archive.write(folder / name, name)
            archive.write(folder / name, f"../../{name}")


def tarred(path: Path, folder: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "/absolute")
        archive.add(folder, "../../up")
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)


def inflated(path: Path, folder: Path) -> None:
    """42 KB or so that would become 40 MB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("manifest.json", bytes(40 * 2**20))


@pytest.mark.parametrize("make", [zipped, tarred, inflated])
@pytest.mark.parametrize("ending", ["zip", "tar.gz", "plait"])
def test_an_archive_is_never_unpacked(make, ending, model, capsys):
    path = model.parent / f"model.{ending}"
    make(path, model)
    refused(path, "Found a file: unpack it, if it is an archive")


def test_no_folder_at_all_is_the_users_own_mistake(tmp_path, capsys):
    with pytest.raises(PlaceError, match="There is no such folder"):
        plait.load(tmp_path / "none")
    assert main(["evaluate", str(tmp_path / "none"), "none.csv"]) == 2


# ---- what is no plain file


def linked(path: Path) -> None:
    path.rename(path.parent.parent / path.name)
    path.symlink_to(path.parent.parent / path.name)


def linked_within(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def in_a_circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def without_end(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink()
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only an administrator makes devices")


ODD: dict[str, tuple[Callable[[Path], None], str]] = {
    "link": (linked, "it is a symbolic link"),
    "link within": (linked_within, "it is a symbolic link"),
    "circle": (in_a_circle, "it is a symbolic link"),
    "endless": (without_end, "it is a symbolic link"),
    "pipe": (pipe, "it is a pipe"),
    "device": (device, "it is a device"),
}


@pytest.mark.skipif(os.name == "nt", reason="has no such files")
@pytest.mark.parametrize("part", FILES)
@pytest.mark.parametrize(("odd", "words"), ODD.values(), ids=ODD)
def test_a_part_that_is_no_plain_file_is_not_opened(model, part, odd, words, capsys):
    odd(model / part)
    refused(model, words)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="has no such files")
def test_a_socket_is_not_opened(model, monkeypatch, capsys):
    (model / "schema.json").unlink()
    monkeypatch.chdir(model)  # the name of a socket may not be long
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind("schema.json")
        refused(model, "it is a socket")


def test_a_hard_link_is_a_plain_file(model, whole):
    for part in FILES:
        (model / part).unlink()
        os.link(whole / part, model / part)
    assert plait.load(model).predict(ROWS) == plait.load(whole).predict(ROWS)


def test_the_folder_itself_may_be_a_link(model, learner):
    (model.parent / "short").symlink_to(model)
    assert plait.load(model.parent / "short").predict(ROWS) == learner.predict(ROWS)


OPENED: list[str] = []
LISTEN = [False]
sys.addaudithook(
    lambda event, words: OPENED.append(str(words[0])) if LISTEN[0] and event == "open" else None
)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    OPENED.clear()
    yield OPENED
    LISTEN[0] = False


@pytest.mark.skipif(os.name == "nt", reason="has no such files")
def test_more_files_are_left_alone(model, learner, opened):
    """They could be without end: nothing is listed, opened or followed."""
    os.mkfifo(model / "pipe.json")
    (model / "zero.safetensors").symlink_to("/dev/zero")
    (model / "data.pkl").write_bytes(b"cos\nsystem\n")
    (model / "deep").mkdir()
    for number in range(1_001):
        (model / "deep" / f"{number}.json").touch()
    LISTEN[0] = True
    assert plait.load(model).predict(ROWS) == learner.predict(ROWS)
    assert {Path(path).name for path in opened if str(model) in path} == set(FILES)


@pytest.mark.parametrize("part", ["manifest.json", "schema.json", "config.json"])
def test_a_file_of_a_terabyte_is_not_read(model, part, capsys):
    with (model / part).open("r+b") as file:
        file.truncate(2**40 if part == "manifest.json" else 2**28 + 1)  # it takes no room
    refused(model, "should be of at most 268,435,456 bytes" if part == "manifest.json" else part)


# ---- weights


def packed(header: object, content: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    return size.to_bytes(8, "little") + text + content


def entry(start: int, end: int, shape: list, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


LIES = {
    "nothing": b"",
    "seven bytes": b"1234567",
    "no header": (8).to_bytes(8, "little"),
    "header beyond the end": packed({}, length=10_000),
    "header of 2^63": packed({}, length=2**63),
    "header of 2^64 - 1": packed({}, length=2**64 - 1),
    "a list": packed([1, 2]),
    "deep": packed(b"[" * 200_000 + b"]" * 200_000),
    "deep metadata": packed({"__metadata__": {"a": [[[1]]]}}),
    "no utf-8": packed(b'{"\xff": 1}'),
    "beyond the end": packed({"a": entry(0, 400, [100])}, bytes(8)),
    "a gap": packed({"a": entry(4, 8, [1])}, bytes(8)),
    "a tail": packed({"a": entry(0, 4, [1])}, bytes(4096)),
    "one over the other": packed({"a": entry(0, 8, [2]), "b": entry(4, 12, [2])}, bytes(12)),
    "twice the same": packed({"a": entry(0, 4, [1]), "b": entry(0, 4, [1])}, bytes(4)),
    "backwards": packed({"a": entry(8, 4, [1])}, bytes(8)),
    "negative": packed({"a": entry(-4, 4, [2])}, bytes(8)),
    "another size": packed({"a": entry(0, 8, [3])}, bytes(8)),
    "2^64 numbers": packed({"a": entry(0, 8, [2**32, 2**32])}, bytes(8)),
    "a negative shape": packed({"a": entry(0, 4, [-1])}, bytes(4)),
    "an unknown type": packed({"a": entry(0, 4, [1], "PICKLE")}, bytes(4)),
    "a name twice": packed(b'{"a": 1, "a": {"dtype": "F32"}}'),
}


@pytest.mark.parametrize("content", LIES.values(), ids=LIES)
def test_a_header_that_lies_is_refused(model, content, capsys):
    (model / "weights.safetensors").write_bytes(content)
    vouched(model, "weights.safetensors")
    refused(model, "Take another copy")


@pytest.fixture(scope="module")
def countless() -> bytes:
    """100,000 tensors that hold nothing, as safetensors allow."""
    return packed({f"{n}": entry(0, 0, [0]) for n in range(100_000)})


def test_countless_tensors_are_refused(model, countless, capsys):
    (model / "weights.safetensors").write_bytes(countless)
    vouched(model, "weights.safetensors")
    refused(model, "it has 100,000 tensors, more than 65,536")


def test_countless_tensors_are_refused_in_encoders_too(tmp_path, countless):
    path = tmp_path / "model.safetensors"
    path.write_bytes(countless)
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    static = StaticFolder.of(f"static:{tmp_path}")
    for read in (static.vectors, TimmFile.of(f"timm:resnet10t:{path}").state,
                 lambda: HfFolder.of(f"hf:{tmp_path}").digest):  # fmt: skip
        with pytest.raises(ConfigError, match="it has 100,000 tensors, more than 65,536"):
            read()


def test_a_header_that_is_too_long_is_not_read(tmp_path):
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.write((LONGEST_HEADER + 1).to_bytes(8, "little"))
        file.truncate(LONGEST_HEADER * 4)
    with pytest.raises(ValueError, match="its header of 16,777,217 bytes is longer"):
        check_header(path)


def test_what_could_not_be_loaded_is_not_saved(learner, tmp_path):
    model = torch.nn.Module()
    for number in range(MOST_TENSORS + 1):
        model.register_buffer(f"b{number}", torch.zeros(0))
    with pytest.raises(ConfigError, match=r"at most 65,536 tensors\. This one has 65,537"):
        save(tmp_path / "m", learner.schema, model, {})
    assert list(tmp_path.iterdir()) == []


def test_as_many_tensors_as_may_be_are_read(tmp_path):
    save_file({f"{n}": torch.zeros(0) for n in range(2_000)}, tmp_path / "a.safetensors")
    check_header(tmp_path / "a.safetensors")
