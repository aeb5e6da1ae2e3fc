"""Trainings by two processes, replicated and sharded, are those of one process on all rows."""

import json
from functools import cache
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from plait import PlaitWarning
from plait.training import Checkpoints

from .test_world import launched
from .together import trained

alone = cache(trained)

CASES = (
    "plain", "clip fsdp/UPGrad", "parts/FAMO", "parts fsdp/FAMO", "few fsdp", "skip fsdp",
    "unsorted/GradDrop", "blocks fsdp/UPGrad", "ones fsdp",
)  # fmt: skip
SLOW = (
    "plain fsdp", "clip", "clip fsdp", "parts", "parts fsdp", "few", "skip", "blocks fsdp",
    "unsorted", "unsorted/UPGrad", "ones", "plain/UPGrad", "plain fsdp/UPGrad",
    "plain fsdp/IMTLG", "plain/FAMO", "plain fsdp/FAMO", "parts/UPGrad", "parts/GradDrop",
    "plain fsdp/Uncertainty",
)  # fmt: skip
REFUSED = ("parts fsdp/UPGrad", "plain fsdp/GradDrop")
OTHERS = (*REFUSED, "stop", "auto fsdp", "norm fsdp", "budget", "broken/FAMO", "broken fsdp/FAMO")

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no processes")


MOVES = {"sharded": ("parts fsdp/FAMO", 6), "copied": ("plain", 6), "both": ("plain", 5)}
"""Trainings that one process begins, two go on with, and one ends: how two train, until where."""


def begun(place: Path) -> Path:
    """Folders of trainings that one process begins, and that are stopped after three steps."""
    for name, (case, _) in MOVES.items():
        told = trained(f"{case.replace(' fsdp', '')}@{place / name}:3")
        assert "error" in told, "the training should be stopped"
    return place


def by_two(place: Path, *words: str) -> list[dict]:
    done = launched(Path(__file__).with_name("together.py"), str(place / "out"), *words)
    assert done.returncode == 0, done.stderr
    return [json.loads((place / f"out.{rank}").read_text()) for rank in (0, 1)]


def same(found: dict, wanted: dict) -> None:
    torch.testing.assert_close(found["weights"], wanted["weights"], rtol=0, atol=1e-6)
    for mine, theirs in zip(found["losses"], wanted["losses"], strict=True):
        for one, other in zip(mine[:3], theirs[:3], strict=True):
            assert one == pytest.approx(other, abs=1e-6)
        assert mine[3] == theirs[3]


def alike(two: list[dict], case: str) -> None:
    first, second = (each[case] for each in two)
    assert first == second, "processes must not drift apart"
    same(first, alone(case.replace(" fsdp", "")))


# One test, since processes take longer to start than to train: pytest-xdist would start them anew
# for each of several tests.
def test_two_processes_train_what_one_does(tmp_path, subtests):
    folders = begun(tmp_path / "moves")
    moves = [f"{case}@{folders / name}:{stop}" for name, (case, stop) in MOVES.items()]
    full = f"full fsdp@{folders / 'full'}:3"
    moves += [f"plain fsdp@{folders / 'both'}:7", full]
    two = by_two(tmp_path, *CASES, *OTHERS, *moves)
    for case in CASES:
        with subtests.test("by two as by one", case=case):
            alike(two, case)
    for name in MOVES:
        with subtests.test("a checkpoint moves from one to two and back", name=name):
            moved(folders / name, name)
    with subtests.test("a damaged part is found"):
        damaged(folders / "sharded")
    with subtests.test("steps are left out in all"):
        assert [epoch[3] for epoch in two[0]["skip fsdp"]["losses"]] == [1, 1]
    with subtests.test("all end where one has a loss that is not finite"):
        told = sorted(each["stop"]["error"] for each in two)
        assert told[1].startswith(
            "A loss is not finite: task 'y', 1 rows of the training table: [13]."
        )
        assert told[0].startswith("A loss is not finite, for rows of another process")
    for case in ("broken/FAMO", "broken fsdp/FAMO"):
        with subtests.test("all are told of outputs that are not finite", case=case):
            told = [each[case]["error"] for each in two] + [alone("broken/FAMO")["error"]]
            assert all(each.startswith("A loss is not finite") for each in told), told
    with subtests.test("budgets that are not the same end at the same step"):
        assert two[0]["budget"] == two[1]["budget"]
        assert len(two[0]["budget"]["losses"]) < 40
    with subtests.test("where one cannot write its part, none writes"):
        assert {each[full]["error"] for each in two} == {
            "Stopped by signal 15 after 3 steps: no checkpoint could be written."
        }
        assert not list((folders / "full").rglob("*.safetensors"))
    for case in REFUSED:
        with subtests.test("what does not go with sharded weights is refused", case=case):
            assert two[0][case] == two[1][case]
            told = two[0][case]["error"]
            assert told.startswith("2 processes train together, which goes with all choices but ")
            assert f'{case.split("/")[1]} with `strategy="fsdp"`' in told
    with subtests.test("one process measures the batch for all"):
        assert two[0]["auto fsdp"] == two[1]["auto fsdp"]
    with subtests.test("a norm over the batch does not drift apart"):
        assert two[0]["norm fsdp"]["buffers"]
        assert two[0]["norm fsdp"] == two[1]["norm fsdp"]


def moved(folder: Path, name: str) -> None:
    case, stop = MOVES[name]
    newest = max(folder.glob("step-*"))
    kinds = {each.name.split("-")[0] for each in newest.glob("*.safetensors")}
    assert kinds == ({"tensors.safetensors"} if name == "copied" else {"shard"})
    case = case.replace(" fsdp", "")
    found = trained(f"{case}@{folder}:0")
    assert found["begun"] == [7 if name == "both" else stop]
    same(found, alone(case))


def damaged(folder: Path) -> None:
    part = max(max(folder.glob("step-*")).glob("shard-*"))
    content = bytearray(part.read_bytes())
    content[-1] ^= 1
    part.write_bytes(content)
    with pytest.warns(PlaitWarning, match=f"passed over: its '{part.name}' is damaged"):
        assert Checkpoints(folder, {"case": "the same"}).newest()[1]["mark"]["steps"] == 3


@pytest.mark.slow
def test_two_processes_train_what_one_does_in_every_way(tmp_path, subtests):
    two = by_two(tmp_path, *SLOW)
    for case in SLOW:
        with subtests.test("by two as by one", case=case):
            alike(two, case)


def test_parts_with_labels_of_some_tasks_alone_are_the_same_step():
    whole, cut = alone("plain/FAMO"), alone("parts/FAMO")
    # Adam makes as much of a gradient that is nearly rounding as of any other.
    torch.testing.assert_close(cut["weights"], whole["weights"], rtol=0, atol=1e-5)
