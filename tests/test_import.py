import subprocess
import sys

import pytest

HEAVY = ("torch", "pyarrow", "sklearn", "pandas", "polars", "numpy", "PIL", "tokenizers")

COUNT = f"""
import sys, threading
CODE
found = sorted({set(HEAVY)!r} & set(sys.modules))
assert not found, found
assert threading.active_count() == 1, threading.enumerate()
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-W", "error", "-c", COUNT.replace("CODE", code)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "code",
    [
        "import plait",
        "import plait.cli",
        "import plait.__main__ as m; assert m.main(['--help']) == 0",
        "import plait.__main__ as m; assert m.main(['fit', '--help']) == 0",
        "import plait.__main__ as m; assert m.main(['--version']) == 0",
    ],
)
def test_nothing_heavy_is_imported(code):
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_the_test_above_can_fail():
    done = run("import numpy")
    assert done.returncode == 1
    assert "AssertionError: ['numpy']" in done.stderr


def test_importing_everything_has_no_side_effects():
    code = """
import sys, threading, os, random
before, environment, state = threading.active_count(), dict(os.environ), random.getstate()
import torch
seed = torch.initial_seed(); kind = torch.get_default_dtype(); threads = torch.get_num_threads()
import plait
for name in dir(plait):
    getattr(plait, name)
assert threading.active_count() == before
assert (seed, kind, threads) == (
    torch.initial_seed(), torch.get_default_dtype(), torch.get_num_threads())
assert state == random.getstate()
assert "pandas" not in sys.modules and "polars" not in sys.modules
"""
    words = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
