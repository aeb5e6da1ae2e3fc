"""Promise 5: asked to end, a run writes a checkpoint and ends; and it goes on from there."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plait import Stopped
from plait.training import Callback, Epoch

from .kills import learner, table, told

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(folder: Path, *more: str, epochs: int = 400) -> list[str]:
    loop = {"epochs": epochs, "patience": 400, "guard": "off"}
    choices = {"model.width": 16, "data.cache": "false"}
    choices |= {f"training.{name}": value for name, value in loop.items()}
    sets = [word for name, value in choices.items() for word in ("--set", f"{name}={value}")]
    return [sys.executable, "-m", "plait", "fit", str(folder / "rows.jsonl"), "-t", "price",
            "-t", "sold", "-o", str(folder / "run"), *sets, *more]  # fmt: skip


def ended(words: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(words, capture_output=True, text=True, check=False, env=ENVIRONMENT)


@pytest.fixture
def rows(tmp_path):
    columns = table(120)
    cells = zip(*columns.values(), strict=True)
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in cells]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    return tmp_path


def after_an_epoch(words: list[str]) -> subprocess.Popen:
    running = subprocess.Popen(
        words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=ENVIRONMENT
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("epoch"):
            return running
    raise AssertionError("it ended before its first epoch")


@pytest.mark.slow
def test_ctrl_c_ends_a_command_with_a_checkpoint(rows):
    running = after_an_epoch(command(rows))
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert [each.name for each in (rows / "run").iterdir()] == ["checkpoints"]


def test_a_command_goes_on_where_it_was_asked_to_end(rows):
    running = after_an_epoch(command(rows, epochs=30))
    asked = time.monotonic()
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 143, err
    assert time.monotonic() - asked < 10
    assert "Go on with --resume" in err
    assert "Traceback" not in err
    assert [each.name for each in (rows / "run").iterdir()] == ["checkpoints"]
    refused = ended(command(rows, epochs=30))
    assert refused.returncode == 2
    assert "unfinished training" in refused.stderr
    other = ended(command(rows, "--resume", epochs=29))
    assert other.returncode == 2
    assert "another `training.epochs`" in other.stderr
    done = ended(command(rows, "--resume", epochs=30))
    assert done.returncode == 0, done.stderr
    assert "going on after step" in done.stderr
    assert not (rows / "run" / "checkpoints").exists()
    log = (rows / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in log] == list(range(1, 31))
    over = ended(command(rows, "--resume", epochs=30))
    assert over.returncode == 0
    assert "nothing to go on with" in over.stdout


class Ask(Callback):
    def __init__(self, step: int, *signals: int) -> None:
        self.step, self.signals, self.seen = step, signals, 0

    def on_step(self, step: int, steps: int) -> None:
        self.seen += 1
        if self.seen == self.step:
            for number in self.signals:
                signal.raise_signal(number)


def test_in_python_it_is_an_interrupt_and_goes_on_bit_by_bit(tmp_path):
    place = tmp_path / "checkpoints"
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt) as stopped:
        learner(0).fit(table(), checkpoints=place, callbacks=[Ask(7, signal.SIGTERM)])
    assert isinstance(stopped.value, Stopped)
    assert (stopped.value.signal, stopped.value.steps) == (signal.SIGTERM, 7)
    assert signal.getsignal(signal.SIGTERM) == before
    again = learner(0).fit(table(), checkpoints=place, resume=True)
    assert told(again) == told(learner(0).fit(table()))


TWICE = """
import sys
sys.path.insert(0, sys.argv[1])
from kills import learner, table
from plait.training import Callback
import signal, time
class Ask(Callback):
    def on_step(self, step, steps):
        signal.raise_signal(signal.SIGTERM)
        time.sleep(1.1)
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError("still here")
learner(0).fit(table(), checkpoints=sys.argv[2], callbacks=[Ask()])
"""


def test_what_a_launcher_passes_on_is_no_second_signal(tmp_path):
    place = tmp_path / "checkpoints"
    asking = Ask(7, signal.SIGTERM, signal.SIGTERM)
    with pytest.raises(Stopped):
        learner(0).fit(table(), checkpoints=place, callbacks=[asking])
    assert list(place.iterdir())


class Late(Callback):
    """Ask to end while the last epoch is being judged."""

    def on_epoch(self, record: Epoch) -> bool:
        signal.raise_signal(signal.SIGTERM)
        return True


def test_a_signal_in_the_last_moments_is_not_forgotten(tmp_path):
    with pytest.raises(Stopped):
        learner(0).fit(table(), checkpoints=tmp_path / "checkpoints", callbacks=[Late()])


def test_a_second_signal_ends_at_once(tmp_path):
    place = tmp_path / "c"
    done = ended([sys.executable, "-c", TWICE, str(Path(__file__).parent), str(place)])
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert not place.exists()
