"""Every script in examples/ runs to its end, and the tutorials stay short."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(set(EXAMPLES.glob("*.py")) - {EXAMPLES / "demo.py"})
SECONDS = 120
TUTORIAL_LINES = 40  # a tutorial has fewer


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_example_runs(script: Path, tmp_path: Path):
    (tmp_path / "data").symlink_to(EXAMPLES / "data", target_is_directory=True)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        timeout=SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "script",
    [script for script in SCRIPTS if script.stem.startswith("tutorial")],
    ids=lambda script: script.stem,
)
def test_tutorial_is_short(script: Path):
    assert len(script.read_text(encoding="utf-8").splitlines()) < TUTORIAL_LINES
