"""Promises 11 to 13: processes that train together survive the end of one, or all end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no processes")


def launched(
    folder: Path, *wanted: str, restarts: int = 0, strategy: str = "ddp"
) -> tuple[int, list[str], str]:
    folder.mkdir()
    script = Path(__file__).with_name("ranks.py")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
                "2", "--max-restarts", str(restarts), "--monitor-interval", "0.2"]  # fmt: skip
    done = subprocess.run(
        [*launcher, str(script), strategy, str(folder / "out"),
         str(folder / "run" / "checkpoints"), *wanted],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    told = [each.read_text() for each in sorted(folder.glob("out.[01]"))]
    return done.returncode, told, done.stderr


def times(folder: Path) -> list[tuple[float, str, str, str]]:
    lines = [each.split(" ", 3) for each in (folder / "out.times").read_text().splitlines()]
    return [(float(time), rank, attempt, what) for time, rank, attempt, what in lines]


def test_killed_processes_go_on(tmp_path):
    code, found, err = launched(tmp_path / "killed", "1:0", restarts=1)
    assert code == 0, err
    assert len(set(found)) == 1
    assert len(found) == 2
    resumed = [what for *_, what in times(tmp_path / "killed") if "resumed" in what]
    assert resumed == ["resumed 6"] * 2


def killed_and_whole(folder: Path, kills: int, strategy: str = "ddp") -> list[float]:
    """Kill one process in each attempt; the seconds from a kill to the next first step."""
    code, whole, err = launched(folder / "whole", strategy=strategy)
    assert code == 0, err
    wanted = [f"{(attempt + 1) % 2}:{attempt}" for attempt in range(kills)]
    code, found, err = launched(folder / "killed", *wanted, restarts=kills, strategy=strategy)
    assert code == 0, err
    assert found == whole
    assert found[0] == found[1]
    seen = times(folder / "killed")
    assert sum("resumed" in what for *_, what in seen) == 2 * kills
    ends = [time for time, *_, what in seen if what == "killed"]
    begins = [max(time for time, _, a, what in seen if what == "step" and a == str(attempt))
              for attempt in range(1, kills + 1)]  # fmt: skip
    return [begin - end for end, begin in zip(ends, begins, strict=True)]


@pytest.mark.slow
def test_20_killed_processes_leave_no_trace(tmp_path):
    for turn in range(10):
        (tmp_path / str(turn)).mkdir()
        print("seconds to the next step:", killed_and_whole(tmp_path / str(turn), 2))


@pytest.mark.slow
def test_killed_processes_that_hold_parts_leave_no_trace(tmp_path):
    print("seconds to the next step, sharded:", killed_and_whole(tmp_path, 2, "fsdp"))


@pytest.mark.slow
def test_without_restarts_all_end_and_say_why(tmp_path):
    code, found, err = launched(tmp_path / "alone", "1:0")
    assert code != 0
    assert found == []
    assert "Another one has ended" in err
