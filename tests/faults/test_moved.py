"""Promise 12: a checkpoint moves from one process to two and back, and nobody can tell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from .moved import trained

FIRST, SECOND, LAST = 6, 13, 20
"""In the midst of the second and of the third of four epochs of five steps."""

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no processes")


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """What one process has told, then two, then one again; and one all the way."""
    home = tmp_path_factory.mktemp("moved")
    place = home / "run" / "checkpoints"
    one = trained(place, FIRST)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
                "2", str(Path(__file__).with_name("moved.py"))]  # fmt: skip
    done = subprocess.run(
        [*launcher, str(home / "out"), str(place), str(SECOND)], capture_output=True, text=True,
        check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    two = [json.loads((home / f"out.{rank}").read_text()) for rank in (0, 1)]
    again = trained(place, LAST + 1)
    return one, two, again, trained(home / "whole" / "checkpoints", LAST + 1)


def test_all_steps_are_taken_once(moved):
    one, two, again, whole = moved
    counts = [len(each["steps"]) for each in (one, *two, again, whole)]
    assert counts == [FIRST, SECOND - FIRST, SECOND - FIRST, LAST - SECOND, LAST]


def test_the_rows_of_each_step_are_the_same_in_the_same_order(moved):
    one, two, again, whole = moved
    shared = zip(*(each["steps"] for each in two), strict=True)
    rows = [each["rows"] for each in one["steps"]]
    for steps in shared:
        found = [0] * sum(len(each["rows"]) for each in steps)
        for rank, each in enumerate(steps):
            found[rank::2] = each["rows"]
        rows.append(found)
    rows += [each["rows"] for each in again["steps"]]
    assert rows == [each["rows"] for each in whole["steps"]]


@pytest.mark.parametrize("what", ["losses", "weights"])
def test_losses_and_weights_of_each_step_are_those_of_one_process(moved, what):
    one, two, again, whole = moved
    assert [each[what] for each in two[0]["steps"]] == [each[what] for each in two[1]["steps"]]
    steps = [*one["steps"], *two[0]["steps"], *again["steps"]]
    apart = 0.0
    for found, wanted in zip(steps, whole["steps"], strict=True):
        assert found[what] == pytest.approx(wanted[what], abs=1e-6)
        apart = max(apart, *(abs(found[what][name] - wanted[what][name]) for name in wanted[what]))
    print(f"{what}: {apart:.1e} apart")


def test_the_model_is_that_of_one_process(moved):
    *_, again, whole = moved
    found, wanted = (torch.tensor(each["weights"]) for each in (again, whole))
    print(f"model: {float((found - wanted).abs().max()):.1e} apart")
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
