"""Trainings by two processes, replicated and sharded, are those of one process on all rows."""

import json
import shutil
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


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("moves")
    for name, (case, _) in MOVES.items():
        told = trained(f"{case.replace(' fsdp', '')}@{place / name}:3")
        assert "error" in told, "the training should be stopped"
    return place


def by_two(place: Path, *words: str) -> list[dict]:
    done = launched(Path(__file__).with_name("together.py"), str(place / "out"), *words)
    assert done.returncode == 0, done.stderr
    return [json.loads((place / f"out.{rank}").read_text()) for rank in (0, 1)]


@pytest.fixture(scope="module")
def two(tmp_path_factory, folders):
    moves = [f"{case}@{folders / name}:{stop}" for name, (case, stop) in MOVES.items()]
    moves += [f"plain fsdp@{folders / 'both'}:7", f"full fsdp@{folders / 'full'}:3"]
    return by_two(tmp_path_factory.mktemp("together"), *CASES, *OTHERS, *moves)


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    return by_two(tmp_path_factory.mktemp("more"), *SLOW)


@pytest.mark.parametrize("case", CASES)
def test_a_training_by_two_is_that_by_one(two, case):
    alike(two, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", SLOW)
def test_every_training_by_two_is_that_by_one(more, case):
    alike(more, case)


def alike(two: list[dict], case: str) -> None:
    one = alone(case.replace(" fsdp", ""))
    first, second = (each[case] for each in two)
    assert first == second, "processes must not drift apart"
    torch.testing.assert_close(first["weights"], one["weights"], rtol=0, atol=1e-6)
    for mine, theirs in zip(first["losses"], one["losses"], strict=True):
        for found, wanted in zip(mine[:3], theirs[:3], strict=True):
            assert found == pytest.approx(wanted, abs=1e-6)
        assert mine[3] == theirs[3]


def test_steps_are_left_out_in_all_processes(two):
    assert [epoch[3] for epoch in two[0]["skip fsdp"]["losses"]] == [1, 1]


def test_all_end_where_one_has_a_loss_that_is_not_finite(two):
    told = sorted(each["stop"]["error"] for each in two)
    assert told[1].startswith("A loss is not finite: task 'y', 1 rows of the training table: [13].")
    assert told[0].startswith("A loss is not finite, for rows of another process")


@pytest.mark.parametrize("case", ["broken/FAMO", "broken fsdp/FAMO"])
def test_all_are_told_of_outputs_that_are_not_finite(two, case):
    told = [each[case]["error"] for each in two] + [alone(case.replace(" fsdp", ""))["error"]]
    assert all(each.startswith("A loss is not finite") for each in told), told


def test_budgets_that_are_not_the_same_end_at_the_same_step(two):
    assert two[0]["budget"] == two[1]["budget"]
    assert len(two[0]["budget"]["losses"]) < 40


def test_where_one_process_cannot_write_its_part_none_writes(two, folders):
    words = f"full fsdp@{folders / 'full'}:3"
    assert {each[words]["error"] for each in two} == {
        "Stopped by signal 15 after 3 steps: no checkpoint could be written."
    }
    assert not list((folders / "full").rglob("*.safetensors"))


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_with_sharded_weights_is_refused_in_all(two, case):
    assert two[0][case] == two[1][case]
    told = two[0][case]["error"]
    assert told.startswith("2 processes train together, which goes with all choices but ")
    assert f'{case.split("/")[1]} with `strategy="fsdp"`' in told


def test_one_process_measures_the_batch_for_all(two):
    assert two[0]["auto fsdp"] == two[1]["auto fsdp"]


def test_a_norm_over_the_batch_does_not_drift_apart(two):
    assert two[0]["norm fsdp"]["buffers"]
    assert two[0]["norm fsdp"] == two[1]["norm fsdp"]


def test_parts_with_labels_of_some_tasks_alone_are_the_same_step():
    whole, cut = alone("plain/FAMO"), alone("parts/FAMO")
    # Adam makes as much of a gradient that is nearly rounding as of any other.
    torch.testing.assert_close(cut["weights"], whole["weights"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", MOVES)
def test_a_checkpoint_moves_from_one_process_to_two_and_back(two, folders, name):
    case = MOVES[name][0].replace(" fsdp", "")
    newest = max((folders / name).glob("step-*"))
    kinds = {each.name.split("-")[0] for each in newest.glob("*.safetensors")}
    assert kinds == ({"tensors.safetensors"} if name == "copied" else {"shard"})
    found, wanted = trained(f"{case}@{folders / name}:0"), alone(case)
    assert found["begun"] == [7 if name == "both" else MOVES[name][1]]
    torch.testing.assert_close(found["weights"], wanted["weights"], rtol=0, atol=1e-6)
    for mine, theirs in zip(found["losses"], wanted["losses"], strict=True):
        for one, other in zip(mine[:3], theirs[:3], strict=True):
            assert one == pytest.approx(other, abs=1e-6)


def test_a_damaged_part_is_found(two, folders, tmp_path):
    folder = shutil.copytree(folders / "sharded", tmp_path / "damaged")
    newest = max(folder.glob("step-*"))
    part = max(newest.glob("shard-*"))
    content = bytearray(part.read_bytes())
    content[-1] ^= 1
    part.write_bytes(content)
    with pytest.warns(PlaitWarning, match=f"passed over: its '{part.name}' is damaged"):
        assert Checkpoints(folder, {"case": "the same"}).newest()[1]["mark"]["steps"] == 3
