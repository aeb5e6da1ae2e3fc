"""Trainings by two processes, replicated and sharded, are those of one process on all rows."""

import json
from functools import cache
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from .test_world import launched
from .together import trained

alone = cache(trained)

CASES = (
    "plain", "plain fsdp", "parts", "parts fsdp", "few", "few fsdp", "skip", "skip fsdp",
    "plain/UPGrad", "plain fsdp/UPGrad", "plain fsdp/IMTLG", "plain/FAMO", "plain fsdp/FAMO",
    "parts/FAMO", "parts fsdp/FAMO", "parts/UPGrad", "parts/GradDrop", "plain fsdp/Uncertainty",
)  # fmt: skip
OTHERS = ("stop", "stop fsdp", "auto", "auto fsdp")

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no processes")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    place = tmp_path_factory.mktemp("together") / "out"
    done = launched(Path(__file__).with_name("together.py"), str(place), *CASES, *OTHERS)
    assert done.returncode == 0, done.stderr
    return [json.loads(place.with_name(f"out.{rank}").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize("case", CASES)
def test_a_training_by_two_is_that_by_one(two, case):
    one = alone(case.replace(" fsdp", ""))
    first, second = (each[case] for each in two)
    assert first == second, "processes must not drift apart"
    torch.testing.assert_close(first["weights"], one["weights"], rtol=0, atol=1e-6)
    for mine, theirs in zip(first["losses"], one["losses"], strict=True):
        for found, wanted in zip(mine[:3], theirs[:3], strict=True):
            assert found == pytest.approx(wanted, abs=1e-6)
        assert mine[3] == theirs[3]


@pytest.mark.parametrize("case", ["skip", "skip fsdp"])
def test_steps_are_left_out_in_all_processes(two, case):
    assert [epoch[3] for epoch in two[0][case]["losses"]] == [1, 1]


@pytest.mark.parametrize("case", ["stop", "stop fsdp"])
def test_all_end_where_one_has_a_loss_that_is_not_finite(two, case):
    told = sorted(each[case]["error"] for each in two)
    assert told[1].startswith("A loss is not finite: task 'y', 1 rows of the training table: [13].")
    assert told[0].startswith("A loss is not finite, for rows of another process")


@pytest.mark.parametrize("case", ["auto", "auto fsdp"])
def test_one_process_measures_the_batch_for_all(two, case):
    assert two[0][case] == two[1][case]


def test_parts_with_labels_of_some_tasks_alone_are_the_same_step():
    whole, cut = alone("plain/FAMO"), alone("parts/FAMO")
    # Adam makes as much of a gradient that is nearly rounding as of any other.
    torch.testing.assert_close(cut["weights"], whole["weights"], rtol=0, atol=1e-5)
