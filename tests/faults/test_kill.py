"""Promises 1 to 3: killed at any moment, a run goes on as if nothing had happened."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")


def killed(folder: Path, kills: int, seed: int) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("kills.py"), folder, str(kills), str(seed)],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_25_kills_leave_no_trace(tmp_path):
    found = killed(tmp_path, 25, seed=0)
    assert found["killed"] == 25
    assert found["failed"] == found["wrong"] == 0


@pytest.mark.slow
def test_100_kills_leave_no_trace(tmp_path):
    found = killed(tmp_path, 100, seed=1)
    assert found["killed"] == 100
    assert found["done"] >= 5, "each shape of a run should come to its end at least once"
    assert found["failed"] == found["wrong"] == 0
