"""Two processes that share each step are one process on all of its rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from plait import ConfigError
from plait.training._refused import refuse
from plait.training._world import World

from .world_rank import trained

NAMES = ("Sum", "UPGrad", "FAMO", "Uncertainty", "NashMTL")

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no processes")


def launched(script: Path, *words: str, size: int = 2, **more: str) -> subprocess.CompletedProcess:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone",
                "--nproc-per-node", str(size), str(script), *words]  # fmt: skip
    return subprocess.run(launcher, capture_output=True, text=True, check=False,
                          env={**os.environ, "OMP_NUM_THREADS": "1", **more})  # fmt: skip


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    place = tmp_path_factory.mktemp("ranks") / "out"
    done = launched(Path(__file__).with_name("world_rank.py"), str(place), *NAMES)
    assert done.returncode == 0, done.stderr
    return [json.loads(place.with_name(f"out.{rank}").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize("name", NAMES)
def test_steps_of_two_processes_are_those_of_one(two, name):
    alone = trained(name, World())
    for found in (each[name] for each in two):
        for part in ("weights", "own"):
            torch.testing.assert_close(found[part], alone[part], rtol=0, atol=1e-6)
        for (mine, weighed), (theirs, others) in zip(found["losses"], alone["losses"], strict=True):
            assert mine == pytest.approx(theirs, abs=1e-6)
            assert weighed == pytest.approx(others, abs=1e-6)
    assert two[0][name]["weights"] == two[1][name]["weights"], "processes must not drift apart"


def test_one_process_needs_nobody():
    world = World()
    assert world.sums([1.0, 2.0]) == [1.0, 2.0]
    assert world.told(3.0) == 3.0
    refuse(world, {"anything": True})


def test_what_processes_do_not_do_together_is_refused():
    with pytest.raises(ConfigError, match=r"2 processes train together.*but `accumulate`"):
        refuse(World(0, 2), {"`accumulate`": True, "`clip`": False})
