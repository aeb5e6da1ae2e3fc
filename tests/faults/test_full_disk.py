"""Promise 8: a disk that is really full leaves what was there, and nothing half-written."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ALONE = ["unshare", "-Urm", "sh", "-c"]
"""In name spaces of its own, a process may mount a file system without being root."""
MOUNT = 'mount -t tmpfs -o size=2m none "$0"'


def allowed(folder: Path) -> str:
    """Why no file system can be mounted here; empty where it can."""
    if not shutil.which("unshare"):
        return "needs unshare"
    done = subprocess.run([*ALONE, MOUNT, folder], capture_output=True, text=True, check=False)
    return done.stderr.strip()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    small, large = (tmp_path_factory.mktemp(name) for name in ("small", "large"))
    if why := allowed(small):
        pytest.skip(f"no file system of 2 MiB can be mounted: {why}")
    script = Path(__file__).with_name("full_disk.py")
    done = subprocess.run(
        [*ALONE, f'{MOUNT} && exec "$@"', small, sys.executable, str(script), small, large],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


KEPT = ["run", "run/checkpoints", "run/checkpoints/step-000000001"]
KEPT += [f"{KEPT[-1]}/{name}" for name in ("manifest.json", "state.json", "tensors.safetensors")]


def test_the_checkpoint_before_is_whole_and_the_bytes_are_told(found):
    told, whole, same = found["checkpoint"]
    assert len(told) == 1
    assert "No space left on device" in told[0]
    assert "It takes 400,000 bytes" in told[0]
    assert whole
    assert same, "nothing half-written should be there"


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow", "jsonl"])
def test_answers_are_written_whole_or_not_at_all(found, ending):
    code, out, err, there = found[ending]
    assert (code, out, there) == (2, "", KEPT)
    assert err.startswith("error: The answers could not be written to")
    assert "No space left on device. Nothing is left of them." in err
    assert err.count("\n") == 1


def test_a_training_goes_on_without_checkpoints_and_says_that_its_model_has_no_room(found):
    code, out, err, there = found["fit"]
    assert (code, out, there) == (2, "", KEPT)
    lines = err.splitlines()
    assert lines[-1].startswith("error: The model could not be written to")
    assert "No space left on device" in lines[-1]
    assert any("checkpoint after step 1 could not be written" in line for line in lines)
    assert "Traceback" not in err


def test_a_model_that_has_no_room_leaves_the_one_before(found):
    error, whole, same = found["save"]
    assert "No space left on device" in error
    assert whole
    assert same


def test_a_pack_that_has_no_room_is_told_in_a_line(found):
    code, out, err, there = found["pack"]
    assert (code, out) == (2, "")
    assert [each for each in there if each not in KEPT and not each.startswith("model")] == []
    (line,) = err.splitlines()
    assert line.startswith("error: The disk of")
    assert "should have room for the packed table" in line
