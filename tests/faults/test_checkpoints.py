"""Promises 3 and 6 to 8: a checkpoint is whole or not there, and damage is always found."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from plait import (
    ArtifactError,
    ConfigError,
    Learner,
    PlaceError,
    PlaitWarning,
    Regression,
    Training,
)
from plait._durable import sealed
from plait.training import Checkpoints, _checkpoints as module, _stored as stored

from .kills import learner, table

IDENTITY = {"table": "1", "`seed`": "0"}


def state(step: int) -> dict[str, torch.Tensor]:
    return {"model.w": torch.arange(500.0) + step, "mark.kept.w": torch.full((20,), float(step))}


def shelf(folder: Path) -> Checkpoints:
    return Checkpoints(folder / "run" / "checkpoints", IDENTITY, every=10, extra={"n": 1})


def written(folder: Path) -> Checkpoints:
    made = shelf(folder)
    for step in (10, 20):
        assert made.write(step, state(step), {"step": step})
    return shelf(folder)


def files(place: Path) -> list[Path]:
    return sorted(each for each in place.rglob("*") if each.is_file())


def falls_back(made: Checkpoints, name: str) -> None:
    with pytest.warns(PlaitWarning, match="passed over") as told:
        stored, plain = made.newest()
    assert plain["step"] == 10
    assert torch.equal(stored.read()["model.w"], state(10)["model.w"])
    assert any(name in str(each.message) for each in told), "the file should be named"


def test_what_was_written_is_found(tmp_path):
    made = written(tmp_path)
    stored, plain = made.newest()
    tensors = stored.read()
    assert plain == {"step": 20, "extra": {"n": 1}}
    assert made.extra == {"n": 1}
    assert {name: value.tolist() for name, value in tensors.items()} == {
        name: value.tolist() for name, value in state(20).items()
    }


def test_who_may_read_one_file_may_read_all(tmp_path):
    assert len({each.stat().st_mode for each in files(written(tmp_path).found[-1])}) == 1


def test_what_a_later_version_wrote_is_neither_passed_over_nor_removed(tmp_path):
    made = written(tmp_path)
    place = made.found[-1] / "manifest.json"
    place.write_text(sealed({**json.loads(place.read_text()), "format": 99}))
    with pytest.raises(ArtifactError, match=r"should be of format 1. It is of 99. Go on with"):
        shelf(tmp_path).newest()
    assert len(made.found) == 2


def test_a_file_that_nobody_vouches_for_is_found(tmp_path):
    made = written(tmp_path)
    shutil.copy(made.found[0] / "tensors.safetensors", made.found[1] / "more.safetensors")
    falls_back(shelf(tmp_path), "more.safetensors")


def test_what_first_checkpoints_left_half_done_is_cleared_away(tmp_path):
    home = shelf(tmp_path).folder.parent
    left = home.with_name(f".{home.name}.12345678.tmp") / shelf(tmp_path).folder.name
    other = home.with_name(f".{home.name}.87654321.tmp")
    left.mkdir(parents=True)
    other.mkdir()
    home.with_name(f".{home.name}.notes.tmp").write_text("a file of somebody else")
    written(tmp_path)
    assert not left.parent.exists()
    assert other.exists(), "what is somebody else's stays"


def test_other_rows_with_the_same_sums_are_another_training(tmp_path):
    table = {"x": [float(n) for n in range(60)], "y": [float(n % 7) for n in range(60)]}
    loop = Training(epochs=2, batch_size=16, device="cpu", checkpoint_every=1, guard="off")
    made = Learner({"y": Regression()}, width=8, training=loop, cache=False)
    place = tmp_path / "checkpoints"
    made.fit(table, checkpoints=place)
    other = {**table, "y": table["y"][::-1]}
    with pytest.raises(PlaceError, match="another table"):
        made.fit(other, checkpoints=place, resume=True)
    made.fit(table, checkpoints=place, resume=True)


def test_only_so_many_are_kept_and_the_newest_among_them(tmp_path):
    made = shelf(tmp_path)
    for step in (10, 20, 30, 40):
        made.write(step, state(step), {"step": step})
    assert [place.name for place in made.found] == ["step-000000030", "step-000000040"]


def test_a_run_is_not_there_before_its_first_checkpoint_is(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stored, "save_file", full)
    with pytest.warns(PlaitWarning, match=r"It takes 2,080 bytes"):
        assert shelf(tmp_path).write(10, state(10), {}) is None
    assert list(tmp_path.iterdir()) == []


def flipped(seed: int, times: int, folder: Path) -> None:
    draw = random.Random(seed)
    made = written(folder)
    newest = made.found[-1]
    sound = {each: each.read_bytes() for each in files(newest)}
    for _ in range(times):
        # Small files first, so that each is met as often as the large one.
        path = draw.choice(list(sound))
        content = bytearray(sound[path])
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        falls_back(shelf(folder), path.name)
        path.write_bytes(sound[path])
    assert shelf(folder).newest()[1]["step"] == 20


def test_one_flipped_bit_is_found_wherever_it_is(tmp_path):
    flipped(0, 40, tmp_path)


@pytest.mark.slow
def test_one_flipped_bit_is_found_at_200_places(tmp_path):
    flipped(1, 200, tmp_path)


def test_a_file_that_is_cut_off_is_found(tmp_path):
    draw, made = random.Random(0), written(tmp_path)
    for path in files(made.found[-1]):
        content = path.read_bytes()
        for _ in range(17):
            path.write_bytes(content[: draw.randrange(len(content))])
            falls_back(shelf(tmp_path), path.name)
        path.write_bytes(content)


def test_a_file_that_is_missing_is_found(tmp_path):
    made = written(tmp_path)
    for path in files(made.found[-1]):
        content = path.read_bytes()
        path.unlink()
        falls_back(shelf(tmp_path), path.name)
        path.write_bytes(content)


def test_a_file_of_another_checkpoint_is_found(tmp_path):
    made = written(tmp_path)
    older, newest = made.found
    for name in ("tensors.safetensors", "state.json"):
        content = (newest / name).read_bytes()
        shutil.copy(older / name, newest / name)
        falls_back(shelf(tmp_path), name)
        (newest / name).write_bytes(content)


def test_where_none_is_sound_it_says_so(tmp_path):
    made = written(tmp_path)
    for place in made.found:
        (place / "state.json").unlink()
    none = pytest.raises(ArtifactError, match="None of the 2 checkpoints")
    with pytest.warns(PlaitWarning, match="passed over"), none:
        made.newest()


def test_a_checkpoint_of_another_training_is_refused_by_what_differs(tmp_path):
    written(tmp_path)
    other = Checkpoints(tmp_path / "run" / "checkpoints", {**IDENTITY, "`seed`": "7"})
    with pytest.raises(ArtifactError, match="written with another `seed`"):
        other.newest()


def test_what_was_passed_over_does_not_outlive_what_was_written_after_it(tmp_path):
    made = written(tmp_path)
    (made.found[-1] / "state.json").write_text("{}")
    again = shelf(tmp_path)
    falls_back(again, "state.json")
    again.write(15, state(15), {"step": 15})
    assert [place.name for place in again.found] == ["step-000000010", "step-000000015"]


CALLS = 14
"""More than the calls into the file system that one checkpoint makes."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
@pytest.mark.parametrize("first", [True, False])
def test_killed_at_each_call_the_one_before_is_whole(tmp_path, first):
    from .kills import die_at

    ends = []
    for call in range(1, CALLS + 1):
        folder = tmp_path / str(call)
        folder.mkdir()
        made = shelf(folder)
        if not first:
            made.write(10, state(10), {"step": 10})
        child = os.fork()
        if not child:
            die_at(call)
            made.write(20, state(20), {"step": 20})
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ends.append(os.WIFSIGNALED(status))
        found = shelf(folder).newest()
        if first:
            assert found is None or found[1]["step"] == 20
            assert (folder / "run").exists() == (found is not None)
        else:
            assert found[1]["step"] in (10, 20)
        after = shelf(folder)
        after.write(30, state(30), {"step": 30})
        assert shelf(folder).newest()[1]["step"] == 30
        assert not list((folder / "run").rglob("*.tmp")), "what was left half done is cleared away"
    assert ends[0], "the first call should be met"
    assert not ends[-1], "all calls should be met"


@pytest.mark.parametrize(
    ("where", "name"),
    [(stored, "save_file"), (stored, "sync"), (stored, "digest"), (module, "sync"),
     (module, "digest")],
)  # fmt: skip
def test_a_full_disk_leaves_those_before_as_they_are(tmp_path, monkeypatch, where, name):
    made = written(tmp_path)
    before = {each: each.read_bytes() for each in files(tmp_path)}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(where, name, full)
    with pytest.warns(PlaitWarning, match=r"No space left.*It takes 2,080 bytes"):
        assert made.write(30, state(30), {"step": 30}) is None
    assert {each: each.read_bytes() for each in files(tmp_path)} == before


LIMITED = """
import resource, signal, sys, warnings
from pathlib import Path
import torch
from plait.training import Checkpoints
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
made = Checkpoints(Path(sys.argv[1]), {})
assert made.write(1, {"w": torch.zeros(1000)}, {})
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    assert made.write(2, {"w": torch.zeros(2**20)}, {}) is None
assert "4,194,304 bytes" in str(told[0].message), told[0].message
assert made.newest()[0].read()["w"].shape == (1000,)
assert [each.name for each in Path(sys.argv[1]).iterdir()] == ["step-000000001"]
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits on the size of files")
def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path):
    done = subprocess.run([sys.executable, "-c", LIMITED, tmp_path / "c"], capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_going_on_from_nowhere_and_beginning_anew_beside_another_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="Got no folder"):
        learner(0).fit(table(), resume=True)
    written(tmp_path)
    with pytest.raises(ConfigError, match="There are checkpoints in"):
        learner(0).fit(table(), checkpoints=tmp_path / "run" / "checkpoints")
    with pytest.raises(ArtifactError, match="another table"):
        learner(0).fit(table(), checkpoints=tmp_path / "run" / "checkpoints", resume=True)
