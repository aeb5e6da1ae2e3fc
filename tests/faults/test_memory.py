"""Promise 10: where memory runs out a batch is cut, and the training is that of whole batches."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs limits on the address space")


def trained(mib: int) -> dict | None:
    """What a training tells that may take so many MiB more; None if it has not come to its end."""
    script = Path(__file__).with_name("limited.py")
    done = subprocess.run(
        [sys.executable, str(script), str(mib)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        assert "There should be memory for" in done.stderr, done.stderr
        return None
    return json.loads(done.stdout)


def test_a_training_that_does_not_fit_goes_on_in_parts_with_the_same_losses():
    whole = trained(0)
    assert whole["parts"] == 1
    # Builds of PyTorch differ in what they take for themselves.
    some = (found for mib in (60, 120, 30) if (found := trained(mib)) and found["parts"] > 1)
    cut = next(some, None)
    assert cut, "at least one limit should be met"
    assert len(cut["losses"]) == len(whole["losses"]) == 5
    for one, two in zip(cut["losses"], whole["losses"], strict=True):
        assert one == pytest.approx(two, abs=1e-5)
    print("parts:", cut["parts"], "peak:", cut["peak"], "of", whole["peak"], "MiB")


def test_where_nothing_fits_it_says_so():
    assert trained(1) is None
