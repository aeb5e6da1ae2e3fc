"""What is kept is what would have been computed, and is computed once."""

import errno
import hashlib
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from plait.balancing import Sum
from plait.data import Kept, Masked, Pack, Ragged, Repeated
from plait.modalities import Staged
from plait.training import Trainer, Training, augment, keep, outputs, train_step

MODES = ["frozen", "last:1", "last:2"]
LONG = "a red bag and the blue shoe is a bag"


def shards(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.safetensors"))


@pytest.mark.parametrize("tune", MODES)
def test_kept_is_what_is_computed(kit, tune):
    made = kit(tune=tune)
    kept = keep(made.model, made.pack)
    column = kept.inputs["note"]
    assert isinstance(column, Repeated)
    assert type(column.cells) is (Masked if tune == "frozen" else Ragged)
    assert torch.equal(column.present, made.ids.present)
    assert kept.inputs["age"] is made.pack.inputs["age"]
    for rows in (torch.arange(8), torch.tensor([2, 6]), torch.tensor([4, 0, 0])):
        for one, other in zip(*(made.model(pack[rows].inputs).values() for pack in
                                (made.pack, kept)), strict=True):  # fmt: skip
            assert torch.allclose(one, other, atol=1e-6)
    there = made.pack[torch.tensor([0, 4])].inputs["note"]
    assert torch.allclose(column.take(torch.tensor([0, 4])).values, made.encoder.still(there).values
                          .masked_fill(~there.mask.unsqueeze(2), 0) if tune != "frozen"
                          else made.encoder.still(there).values, atol=1e-5)  # fmt: skip


@pytest.mark.parametrize("tune", ["lora", "full"])
def test_what_is_tuned_as_a_whole_is_not_kept(kit, tune):
    made = kit(tune=tune)
    assert keep(made.model, made.pack).inputs["note"] is made.pack.inputs["note"]


@pytest.mark.parametrize("tune", MODES)
def test_each_text_is_run_once(kit, tune):
    texts = ["a red bag", None, "the shoe", "A RED bag", "the shoe", "bag"] * 50
    made = kit(texts=texts, tune=tune)
    rows, told = made.counted(), []
    kept = keep(made.model, made.pack, on_rows=lambda done, total: told.append((done, total)))
    assert sum(rows) == 3
    assert told[-1] == (3, 3)
    rows.clear()
    trainer = Trainer(made.schema, Training(epochs=3, device="cpu"))
    trainer.fit(made.model, kept, kept)
    outputs(made.model, kept)
    assert keep(made.model, kept).inputs["note"] is kept.inputs["note"]
    assert rows == []


@pytest.mark.parametrize("tune", MODES)
def test_a_training_step_is_the_same(kit, tune):
    losses = []
    for kept in (False, True):
        made = kit(tune=tune)
        for part in made.model.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
        for module in made.model.modules():
            if "SelfAttention" in type(module).__name__:
                module.dropout = nn.Dropout(0.0)
        pack = keep(made.model, made.pack) if kept else made.pack
        optimizer = torch.optim.SGD(made.model.parameters(), lr=0.1)
        made.model.train()
        for _ in range(3):
            batch = augment(made.schema, pack[torch.arange(8)], seed=0, epoch=0, input_dropout=0.0)
            got, _ = train_step(made.schema, made.model, batch, Sum(("sold",)), optimizer)
        losses.append(got["sold"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_still_weights_stay_as_they_are(kit):
    made = kit(tune="last:1")
    before = {name: value.clone() for name, value in made.encoder.state_dict().items()}
    kept = keep(made.model, made.pack)
    Trainer(made.schema, Training(epochs=2, device="cpu")).fit(made.model, kept)
    changed = {n for n, value in made.encoder.state_dict().items() if not value.equal(before[n])}
    assert changed
    assert all(name.startswith("tuned.") for name in changed)


@pytest.mark.parametrize("tune", MODES)
def test_a_second_time_costs_no_run(kit, tune, tmp_path):
    first = kit(tune=tune)
    plain = keep(first.model, first.pack)
    keep(first.model, first.pack, cache=tmp_path)
    again = kit(tune=tune)
    rows = again.counted()
    kept = keep(again.model, again.pack, cache=tmp_path)
    assert rows == []
    assert kept.notes == first.pack.notes
    one, other = plain.inputs["note"], kept.inputs["note"]
    assert torch.equal(one.index, other.index)
    assert all(a.equal(b) for a, b in zip(one.tensors(), other.tensors(), strict=True))
    # In another table, in another order, beside new texts.
    more = kit(texts=["well", "the blue shoe", None, "bag", LONG], tune=tune)
    rows = more.counted()
    kept = keep(more.model, more.pack, cache=tmp_path)
    assert sum(rows) == 2
    expected = outputs(more.model, more.pack)["sold"]
    assert torch.allclose(outputs(more.model, kept)["sold"], expected, atol=1e-6)
    assert len(shards(tmp_path)) == 2


def test_other_weights_and_other_parts_are_other_encoders(kit, making, tmp_path, edit):
    cache = tmp_path / "cache"
    encoder = making(tmp_path / "net")
    keep(kit(encoder).model, kit(encoder).pack, cache=cache)

    def ran(made) -> int:
        rows = made.counted()
        kept = keep(made.model, made.pack, cache=cache)
        expected = outputs(made.model, made.pack)["sold"]
        assert torch.allclose(outputs(made.model, kept)["sold"], expected, atol=1e-6)
        return sum(rows[:-1])

    assert ran(kit(encoder)) == 0
    assert ran(kit(encoder, tune="last:1")) == 4
    assert ran(kit(making(tmp_path / "other", seed=1))) == 4
    edit(encoder, "1_Pooling/config.json", pooling_mode="cls")
    assert ran(kit(encoder)) == 4
    edit(encoder, "config.json", hidden_act="relu")
    assert ran(kit(encoder)) == 4
    assert len(shards(cache)) == 5


def test_a_text_that_is_cut_elsewhere_is_another_text(kit, tmp_path):
    made = kit()
    keep(made.model, made.pack, cache=tmp_path)
    short = kit(max_length=5)
    rows = short.counted()
    kept = keep(short.model, short.pack, cache=tmp_path)
    assert sum(rows) == 1  # the long one; the others have the same tokens as before
    expected = outputs(short.model, short.pack)["sold"]
    assert torch.allclose(outputs(short.model, kept)["sold"], expected, atol=1e-6)


@pytest.mark.parametrize("place", [3, 100, -5, -300], ids=str)
def test_a_damaged_file_is_noticed_and_made_anew(kit, tmp_path, place):
    made = kit(tune="last:1")
    keep(made.model, made.pack, cache=tmp_path)
    (path,) = shards(tmp_path)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    rows = made.counted()
    kept = keep(made.model, made.pack, cache=tmp_path)
    assert sum(rows) == 4
    told = [str(note) for note in kept.notes if "damaged" in str(note)]
    assert told == [f"note: 1 files of kept vectors that are damaged or of another encoder, and "
                    f"were not used ({path.name})"]  # fmt: skip
    expected = outputs(made.model, made.pack)["sold"]
    assert torch.allclose(outputs(made.model, kept)["sold"], expected, atol=1e-6)
    rows.clear()
    assert keep(made.model, made.pack, cache=tmp_path).notes == made.pack.notes
    assert rows == []


@pytest.mark.parametrize("size", [0, 7, 200])
def test_half_a_file_is_noticed(kit, tmp_path, size):
    made = kit()
    keep(made.model, made.pack, cache=tmp_path)
    (path,) = shards(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    assert any("damaged" in str(note) for note in keep(made.model, made.pack, cache=tmp_path).notes)
    assert keep(made.model, made.pack, cache=tmp_path).notes == made.pack.notes


def test_a_file_of_another_encoder_is_not_used(kit, making, tmp_path):
    made, other = kit(), kit(making(tmp_path / "other", seed=1))
    keep(other.model, other.pack, cache=tmp_path / "there")
    home = tmp_path / "here" / made.encoder.key
    home.mkdir(parents=True)
    (path,) = shards(tmp_path / "there")
    path.rename(home / path.name)
    rows = made.counted()
    kept = keep(made.model, made.pack, cache=tmp_path / "here")
    assert sum(rows) == 4
    assert any("of another encoder" in str(note) for note in kept.notes)


def test_files_are_named_by_their_content(kit, tmp_path):
    made = kit()
    keep(made.model, made.pack, cache=tmp_path)
    (path,) = tmp_path.rglob("*.*")
    assert path.parent == tmp_path / made.encoder.key
    assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()


def test_where_nothing_can_be_written_nothing_is_lost(kit, tmp_path):
    (tmp_path / "file").write_text("no folder")
    made = kit()
    kept = keep(made.model, made.pack, cache=tmp_path / "file")
    assert isinstance(kept.inputs["note"], Repeated)
    assert any("could not be written" in str(note) for note in kept.notes)


def test_a_full_disk_leaves_nothing_behind(kit, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    made = kit()
    kept = keep(made.model, made.pack, cache=tmp_path)
    told = [str(note) for note in kept.notes if "written" in str(note)]
    assert told == ["note: 4 texts whose vectors could not be written: No space left on device "
                    f"({tmp_path / made.encoder.key})"]  # fmt: skip
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_was_unused_for_longest_goes_first(kit, tmp_path):
    made = {tune: kit(tune=tune) for tune in MODES}
    for age, (tune, each) in enumerate(made.items()):
        keep(each.model, each.pack, cache=tmp_path)
        (path,) = (tmp_path / each.encoder.key).glob("*.safetensors")
        os.utime(path, ns=(0, 10**9 * (age + 1)))
        made[tune] = (each, path)
    (draft := path.with_name(".old.tmp")).write_bytes(b"x")
    os.utime(draft, (0, 0))
    each, _ = made["frozen"]
    keep(each.model, each.pack, cache=tmp_path, limit=10**9)  # it is in use again
    assert [path.exists() for _, path in made.values()] == [True] * 3
    assert not draft.exists()
    room = sum(path.stat().st_size for _, path in made.values()) - 1
    keep(each.model, each.pack, cache=tmp_path, limit=room)
    assert [path.exists() for _, path in made.values()] == [True, False, True]
    keep(each.model, each.pack, cache=tmp_path, limit=0)
    assert not shards(tmp_path)


def test_a_run_that_is_stopped_goes_on(kit, tmp_path, monkeypatch):
    monkeypatch.setattr("plait.training._keep.TOKENS", 1)  # one text at a time
    made = kit()

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep(made.model, made.pack, cache=tmp_path, on_rows=stop)
    rows = made.counted()
    keep(made.model, made.pack, cache=tmp_path)
    assert rows == [1, 1]


def test_many_small_files_make_one_column(kit, tmp_path, monkeypatch):
    monkeypatch.setattr("plait.training._keep.TOKENS", 1)
    monkeypatch.setattr("plait.training._kept_store.SHARD", 1)
    for tune in ("frozen", "last:1"):
        made = kit(tune=tune)
        plain = keep(made.model, made.pack).inputs["note"]
        keep(made.model, made.pack, cache=tmp_path / tune)
        assert len(shards(tmp_path / tune)) == 4
        found = keep(made.model, made.pack, cache=tmp_path / tune).inputs["note"]
        assert all(a.equal(b) for a, b in zip(plain.tensors(), found.tensors(), strict=True))


def test_batches_of_like_length_give_what_each_gives_alone(kit, monkeypatch):
    words = ["a", "red", "bag", "the", "shoe", "and", "is", "well"]
    texts = [" ".join(words[n % 5 :][: 1 + n % 7]) + " blue" * n for n in range(12)]
    made = kit(texts=texts, tune="last:1")
    together = keep(made.model, made.pack).inputs["note"].cells
    monkeypatch.setattr("plait.training._keep.TOKENS", 1)
    alone = keep(made.model, made.pack).inputs["note"].cells
    assert torch.equal(together.offsets, alone.offsets)
    assert torch.allclose(together.values, alone.values, atol=1e-5)


def test_the_longest_come_first_and_batches_are_bounded(kit, monkeypatch):
    monkeypatch.setattr("plait.training._keep.TOKENS", 12)
    made = kit(texts=["a", "a red", "a red bag", "bag", "the red shoe is well", "red"])
    shapes = []
    made.encoder.still.register_forward_hook(
        lambda _, given, __: shapes.append(tuple(given[0].values.shape))
    )
    keep(made.model, made.pack)
    assert shapes == [(1, 7), (2, 5), (3, 3)]


def test_what_would_not_fit_into_memory_is_not_kept(kit, tmp_path):
    made = kit()
    kept = keep(made.model, made.pack, most=4 * 32 * 4 - 1)
    assert kept.inputs["note"] is made.pack.inputs["note"]
    assert any("4 cells whose vectors would take" in str(note) for note in kept.notes)
    assert isinstance(keep(made.model, made.pack, most=4 * 32 * 4).inputs["note"], Repeated)


def test_rows_of_which_nothing_is_there(kit):
    made = kit()
    empty = made.schema.pack({"note": [None, ""], "age": [1.0, 2.0]})
    assert keep(made.model, empty).inputs["note"] is empty.inputs["note"]
    assert outputs(made.model, keep(made.model, empty))["sold"].shape == (2, 1)


def test_a_model_in_double_takes_what_was_kept(kit):
    made = kit(tune="last:1")
    kept = keep(made.model, made.pack)
    model = made.model.double()
    rows = made.counted()
    out = model(kept[torch.arange(8)].inputs)["sold"]
    assert out.dtype == torch.float64
    assert rows == []


class Bright(nn.Module):
    """Pictures to one vector or to one for each line."""

    def __init__(self, lines: bool) -> None:
        super().__init__()
        self.lines = lines
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, cells: Masked) -> Masked:
        values = cells.values.float().mean(1) * self.scale
        if self.lines:
            return Masked(values, cells.mask.unsqueeze(1).expand(-1, values.shape[1]))
        return Masked(values.mean(1), cells.mask)


@pytest.mark.parametrize("lines", [False, True])
def test_cells_of_one_size_are_kept_too(kit, lines, tmp_path):
    made = kit()
    pixels = torch.randint(0, 256, [6, 3, 4, 5], dtype=torch.uint8)
    pixels[4] = pixels[1]
    cells = Masked(pixels, torch.tensor([True, True, False, True, True, True]))
    place = list(made.model.inputs).index("note")
    made.model.encoders[place] = Staged(Bright(lines), nn.Identity(), "version 1")
    rows = made.counted()
    for cache in (None, tmp_path, tmp_path):
        kept = keep(made.model, Pack(6, {"note": cells, "age": cells}, {}), cache=cache)
        found = kept.inputs["note"].take(torch.arange(6))
        expected = made.encoder.still(cells)
        assert torch.equal(found.mask, expected.mask)
        assert torch.allclose(found.values[found.mask], expected.values[expected.mask])
        assert isinstance(found, Kept)
    assert [n for n in rows if n != 6] == [4, 4]


class Halved(Bright):
    """The same weights as :class:`Bright`, and another code."""

    def forward(self, cells: Masked) -> Masked:
        found = super().forward(cells)
        return Masked(found.values / 2, found.mask)


def test_vectors_of_other_code_are_never_used(kit, tmp_path):
    made = kit()
    cells = Masked(torch.ones(2, 3, 4, 5).to(torch.uint8), torch.ones(2).bool())
    place = list(made.model.inputs).index("note")
    for still in (Bright(False), Halved(False)):
        made.model.encoders[place] = Staged(still, nn.Identity())
        kept = keep(made.model, Pack(2, {"note": cells, "age": cells}, {}), cache=tmp_path)
        found = kept.inputs["note"].take(torch.arange(2))
        assert torch.equal(found.values, still(cells).values)
    assert not list(tmp_path.iterdir())  # a class of the user's may change without a sign
    keys = {Staged(each, nn.Identity(), "1").key for each in (Bright(False), Halved(False))}
    assert len(keys) == 2


def test_cells_that_differ_only_in_what_is_missing_are_left_as_they_are(kit):
    made = kit()
    mask = torch.tensor([[True, True], [True, False]])
    cells = Masked(torch.ones(2, 2), mask)
    place = list(made.model.inputs).index("note")
    made.model.encoders[place] = Staged(nn.Identity(), nn.Identity())
    pack = Pack(2, {"note": cells, "age": cells}, {})
    assert keep(made.model, pack).inputs["note"] is cells
