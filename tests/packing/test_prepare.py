import errno
import json
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image as Pillow
from pyarrow import parquet

from plait import DataError, Image, Numeric, Regression, Schema
from plait.data import Pack, Source, merged
from plait.modalities import Categorical
from plait.packing import Choices, Prepared, Shelf, prepare
from plait.packing._draft import seal

ROWS = 300
LARGE = 1 << 40


def table(rows: int = ROWS) -> pa.Table:
    draw = np.random.default_rng(0)
    size = draw.normal(size=rows)
    return pa.table({
        "size": [None if n % 9 == 1 else float(s) for n, s in enumerate(size)],
        "city": draw.choice(["Ulm", "Bonn", "Kiel"], rows),
        "note": [" ".join(draw.choice(["red", "bag", "old"], n % 5)) for n in range(rows)],
        "price": size * 2 + 1,
    })  # fmt: skip


TARGETS = {"price": Regression(log=False)}
INPUTS = {"note": "text", "size": "numeric", "city": "categorical"}


def choices(**changed) -> Choices:
    return replace(
        Choices(TARGETS, INPUTS, lambda seen: Schema.infer(seen, TARGETS, INPUTS), 0.1, 0, LARGE),
        **changed,
    )


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "homes.parquet"
    parquet.write_table(table(), path, row_group_size=70)
    return path


def packed(data, shelf=None, **changed) -> Prepared:
    chosen = choices(**changed)
    return prepare(Source.of(data, memory=chosen.memory), None, chosen, shelf)


def same(one: Pack | None, other: Pack | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.rows == other.rows and all(
        torch.equal(a, b) for a, b in zip(one._tensors(), other._tensors(), strict=True)
    )


def alike(one: Prepared, other: Prepared) -> bool:
    return (
        same(one.train, other.train)
        and same(one.valid, other.valid)
        and one.schema == other.schema
        and one.declared == other.declared
        and sorted(map(str, one.notes)) == sorted(map(str, other.notes))
    )


def kept(shelf: Shelf) -> list[str]:
    return sorted(each.name for each in shelf.folder.iterdir()) if shelf.folder.exists() else []


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    return Shelf(tmp_path / "packs")


@pytest.fixture
def no_packing(monkeypatch):
    """After this, whatever has to be packed is an error."""

    def forbid():
        def refuse(self, table):
            raise AssertionError("it is packed again")

        for kind in (Numeric, Categorical):
            monkeypatch.setattr(kind, "pack", refuse)
            monkeypatch.setattr(kind, "fit", refuse)

    return forbid


def test_the_rows_are_those_of_the_table_and_each_knows_its_place(file):
    found = packed(file)
    places = torch.cat([found.train.places, found.valid.places])
    assert sorted(places.tolist()) == list(range(ROWS))
    labels = table()["price"].to_pylist()
    price = found.schema.tasks["price"]
    answers = price.decode(found.valid.targets["price"].values)["price"].to_pylist()
    assert answers == pytest.approx([labels[n] for n in found.valid.places], abs=1e-4)


def test_the_second_time_nothing_is_packed(file, shelf, no_packing):
    first = packed(file, shelf)
    no_packing()
    assert alike(packed(file, shelf), first)


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"share": 0.2}, {"inputs": INPUTS | {"city": "ignore"}},
     {"targets": {"price": Regression(log=True)}}],
)  # fmt: skip
def test_another_choice_is_another_pack(file, shelf, change):
    packed(file, shelf)
    packed(file, shelf, **change)
    assert len(kept(shelf)) == 2


def test_a_file_that_has_changed_is_packed_again(file, shelf):
    first = packed(file, shelf)
    parquet.write_table(table(ROWS + 10), file)
    again = packed(file, shelf)
    assert len(again.train) > len(first.train)
    assert len(kept(shelf)) == 2


def test_a_table_in_memory_is_known_by_its_cells(shelf, no_packing):
    packed(table(), shelf)
    other = table().set_column(3, "price", pa.array(np.arange(ROWS) * 1.0))
    packed(other, shelf)
    assert len(kept(shelf)) == 2
    no_packing()
    packed(pa.concat_tables([table().slice(0, 100), table().slice(100)]), shelf)


def test_a_class_of_the_users_is_never_kept(file, shelf):
    class Mine(Numeric):
        pass

    packed(file, shelf, inputs={"size": Mine()})
    packed(file, shelf, inputs={"size": "mine:Mine"})
    assert kept(shelf) == []


@pytest.mark.parametrize("victim", ["pack.json", "train/0000.safetensors", "files.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_what_is_damaged_is_told_in_one_line_and_made_again(file, shelf, victim, damage):
    first = packed(file, shelf)
    path = shelf.folder / kept(shelf)[0] / victim
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[0] ^= 1
    path.write_bytes(content[: len(content) // 2 if damage == "cut" else None])
    if damage == "gone":
        path.unlink()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert alike(packed(file, shelf), first)
    # Without its first or its last file there is no pack: nothing is damaged, and nothing told.
    assert len(told) == (0 if damage == "gone" and victim.endswith(".json") else 1)
    assert all("made again" in str(each.message) for each in told)
    assert alike(packed(file, shelf), first)
    assert len(kept(shelf)) == 1


def test_another_version_is_told_and_made_again(file, shelf, monkeypatch):
    packed(file, shelf)
    monkeypatch.setattr("plait.packing._shelf.VERSION", 1_000)
    monkeypatch.setattr("plait.packing._draft.VERSION", 1_000)
    with pytest.warns(UserWarning, match="another version"):
        packed(file, shelf)
    packed(file, shelf)


def test_a_pack_of_other_data_under_this_key_is_not_used(file, shelf, tmp_path):
    packed(file, shelf)
    (mine,) = kept(shelf)
    other = tmp_path / "other.parquet"
    parquet.write_table(table(50), other)
    packed(other, shelf)
    (theirs,) = set(kept(shelf)) - {mine}
    os.rename(shelf.folder / mine, shelf.folder / "x")
    os.rename(shelf.folder / theirs, shelf.folder / mine)
    with pytest.warns(UserWarning, match="other data"):
        assert len(packed(file, shelf).train) == 270


def test_a_picture_that_has_changed_is_packed_again(tmp_path, shelf):
    for n in range(20):
        Pillow.new("RGB", (16, 16), (n, 0, 0)).save(tmp_path / f"{n}.png")
    rows = {"photo": [f"{n}.png" for n in range(20)], "price": np.arange(20.0)}
    parquet.write_table(pa.table(rows), tmp_path / "a.parquet")
    chosen = choices(
        inputs={"photo": "image"},
        declare=lambda seen: Schema.infer(seen, TARGETS, {"photo": "image"}),
        share=0.0,
    )

    def red() -> int:
        source = Source.of(tmp_path / "a.parquet")
        return int(prepare(source, None, chosen, shelf).train.inputs["photo"].values[3, 0, 0, 0])

    assert (red(), red()) == (3, 3)
    Pillow.new("RGB", (16, 16), (200, 0, 0)).save(tmp_path / "3.png")
    assert (red(), red()) == (200, 200)


def photos(folder: Path, rows: int = 20) -> Choices:
    """A table of red pictures, each by its path, and what was said of it."""
    for n in range(rows):
        Pillow.new("RGB", (16, 16), (n % 256, 0, 0)).save(folder / f"{n}.png")
    paths = [f"{folder.name}/{n}.png" for n in range(rows)]
    cells = {"photo": paths, "price": np.arange(1.0 * rows)}
    parquet.write_table(pa.table(cells), folder.parent / "a.parquet", row_group_size=10)
    said = {"photo": "image"}
    return choices(inputs=said, declare=lambda seen: Schema.infer(seen, TARGETS, said), share=0.0)


def test_a_link_that_leads_elsewhere_is_another_picture(tmp_path, shelf):
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
    (tmp_path / "now").symlink_to("v1")
    chosen = photos(tmp_path / "now")
    Pillow.new("RGB", (16, 16), (200, 0, 0)).save(tmp_path / "v2" / "0.png")
    for n in range(1, 20):
        os.link(tmp_path / "v1" / f"{n}.png", tmp_path / "v2" / f"{n}.png")

    def red() -> int:
        found = prepare(Source.of(tmp_path / "a.parquet"), None, chosen, shelf)
        return int(found.train.inputs["photo"].values[0, 0, 0, 0])

    assert red() == 0
    (tmp_path / "now").unlink()
    (tmp_path / "now").symlink_to("v2")
    assert red() == 200


def test_a_picture_that_changes_while_it_is_read_is_not_kept(tmp_path, shelf, monkeypatch):
    (tmp_path / "p").mkdir()
    chosen = photos(tmp_path / "p")
    pack = Image.pack

    def slow(self, rows):
        found = pack(self, rows)
        os.utime(tmp_path / "p" / "3.png", ns=(1, time.time_ns() + 10**9))
        return found

    monkeypatch.setattr(Image, "pack", slow)
    with pytest.warns(UserWarning, match=r"stay as they are.*3\.png"):
        prepare(Source.of(tmp_path / "a.parquet"), None, chosen, shelf)
    few = replace(chosen, memory=3_000)
    with pytest.raises(DataError, match=r"stay as they are.*3\.png"):
        prepare(Source.of(tmp_path / "a.parquet", memory=3_000), None, few, shelf)
    assert kept(shelf) == []


@pytest.mark.parametrize(("bad", "refused"), [(1, False), (3, True)])
def test_unreadable_pictures_are_judged_by_the_whole_table(tmp_path, bad, refused):
    (tmp_path / "p").mkdir()
    chosen = replace(photos(tmp_path / "p", 200), memory=10_000)
    for n in range(bad):
        (tmp_path / "p" / f"{60 * n}.png").write_text("no picture")
    source = Source.of(tmp_path / "a.parquet", memory=10_000)
    if refused:
        with pytest.raises(DataError, match=r"At most 1 % .* 3 of 200 are"):
            prepare(source, None, chosen)
    else:
        notes = list(map(str, prepare(source, None, chosen).notes))
        assert "photo: 1 pictures that cannot be read (row 0)" in notes


def test_a_file_with_its_old_time_and_size_is_still_another(tmp_path, shelf):
    path = tmp_path / "homes.csv"
    path.write_text("size,price\n" + "1.0,2.0\n" * 49 + "1.0,3.0\n")
    told = path.stat()
    said = {"size": "numeric"}
    chosen = choices(inputs=said, declare=lambda seen: Schema.infer(seen, TARGETS, said), share=0.0)

    def highest() -> float:
        found = prepare(Source.of(path), None, chosen, shelf)
        labels = found.train.targets["price"].values
        return max(found.schema.tasks["price"].decode(labels)["price"].to_pylist())

    assert highest() == pytest.approx(3, abs=1e-4)
    with path.open("r+") as file:
        file.write("size,price\n" + "1.0,2.0\n" * 49 + "1.0,9.0\n")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert highest() == pytest.approx(9, abs=1e-4)


def test_folders_that_are_not_ours_are_left_alone(file, shelf):
    for name in (".git", "mine", "pack"):
        (shelf.folder / name).mkdir(parents=True)
        (shelf.folder / name / "x").write_text("x" * 10_000)
        os.utime(shelf.folder / name, (1, 1))
    left = shelf.folder / ".0123456789abcdef.01234567"
    left.mkdir()
    os.utime(left, (1, 1))
    packed(file, Shelf(shelf.folder, limit=1))
    assert {".git", "mine", "pack"} < set(kept(shelf))
    assert not left.exists()


def test_a_pack_that_another_process_has_removed_costs_nothing(file, shelf, monkeypatch):
    monkeypatch.setattr(Path, "rename", disk_full)
    assert len(packed(file, Shelf(shelf.folder, limit=1)).train) == 270
    assert kept(shelf) == []


def test_a_manifest_that_leads_out_of_the_pack_is_refused(file, shelf):
    packed(file, shelf)
    manifest = shelf.folder / kept(shelf)[0] / "pack.json"
    body = json.loads(manifest.read_text())
    body.pop("seal")
    body["parts"]["train"]["inputs"]["size"]["values"]["file"] = "../../x.safetensors"
    manifest.write_text(json.dumps({**body, "seal": seal(body)}))
    with pytest.warns(UserWarning, match="should lie in its folder"):
        packed(file, shelf)


def test_a_folder_that_cannot_be_written_is_told_and_done_without(file, tmp_path):
    (tmp_path / "packs").write_text("a file, not a folder")
    with pytest.warns(UserWarning, match="not kept on disk"):
        found = packed(file, Shelf(tmp_path / "packs"))
    assert len(found.train) == 270
    with pytest.warns(UserWarning, match="not kept on disk"):
        streamed = packed(file, Shelf(tmp_path / "packs"), memory=2_000)
    assert streamed.train.maps


def disk_full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_the_kept_pack_and_nothing_else(file, shelf, monkeypatch):
    monkeypatch.setattr("plait.data._tensor_writer.TensorWriter.append", disk_full)
    with pytest.warns(UserWarning, match="should have room"):
        assert len(packed(file, shelf).train) == 270
    assert kept(shelf) == []


def test_a_full_disk_is_an_error_where_memory_cannot_hold_the_pack(file, shelf, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("plait.data._tensor_writer.TensorWriter.append", disk_full)
        with pytest.raises(DataError, match=r"room for the packed table: more than [\d,]+ bytes"):
            packed(file, shelf, memory=2_000)
    assert kept(shelf) == []
    usage = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr("plait.packing._in_parts.shutil.disk_usage", lambda folder: usage)
    with pytest.raises(DataError, match=r"packed table: [\d,]+ bytes.* Free are 1,000"):
        packed(file, shelf, memory=2_000)
    assert kept(shelf) == []


def test_the_oldest_packs_make_room_for_new_ones(file, shelf):
    packed(file, shelf)
    (first,) = kept(shelf)
    os.utime(shelf.folder / first, (1, 1))
    size = sum(each.stat().st_size for each in (shelf.folder / first).rglob("*.*"))
    small = Shelf(shelf.folder, limit=int(2.5 * size))
    packed(file, small, seed=1)
    packed(file, small, seed=2)
    assert len(kept(small)) == 2
    assert first not in kept(small)


class TestLargerThanMemory:
    def test_the_same_rows_are_trained_on_and_held_back(self, file):
        whole, parts = packed(file), packed(file, memory=5_000)
        assert parts.train.maps
        assert parts.train.places.tolist() == whole.train.places.tolist()
        assert parts.valid.places.tolist() == whole.valid.places.tolist()

    def test_rows_that_the_schema_has_not_seen_are_counted(self, file):
        notes = packed(file, memory=5_000).notes
        assert any("rows that no statistics are made of" in str(note) for note in notes)

    def test_what_happened_to_cells_is_counted_once(self, file):
        def counts(found):
            return {str(n) for n in merged(found.notes) if n.what == "missing"}

        assert counts(packed(file, memory=5_000)) == counts(packed(file))

    def test_it_is_kept_and_found_again(self, file, shelf, no_packing):
        first = packed(file, shelf, memory=5_000)
        no_packing()
        again = packed(file, shelf, memory=5_000)
        assert alike(first, again)
        assert again.train.maps

    def test_a_table_that_changes_while_it_is_read_is_an_error(self, file, shelf):
        source = Source.of(file, memory=1_000)
        parquet.write_table(table(ROWS + 1), file)
        with pytest.raises(DataError, match="stay as it is while it is read"):
            prepare(source, None, choices(memory=1_000), shelf)
        assert kept(shelf) == []

    def test_validation_rows_may_come_apart(self, file, tmp_path):
        parquet.write_table(table(40), tmp_path / "valid.parquet")
        valid = Source.of(tmp_path / "valid.parquet", memory=1_000)
        found = prepare(Source.of(file, memory=1_000), valid, choices(memory=1_000))
        assert (len(found.train), len(found.valid)) == (ROWS, 40)
        assert not found.held


def test_validation_rows_without_labels_are_refused(file, shelf):
    valid = Source.of(table(20).set_column(3, "price", pa.nulls(20, pa.float64())))
    for memory in (LARGE, 2_000):
        with pytest.raises(DataError, match="labels of at least one target"):
            prepare(Source.of(file, memory=memory), valid, choices(memory=memory), shelf)
