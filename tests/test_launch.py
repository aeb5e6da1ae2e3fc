"""Processes that an ordinary one starts train what one process would, and end with it."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
import torch
import torch.distributed as dist
from pyarrow import parquet

from plait import ConfigError, Learner, Training
from plait._launch import GRACE, Launch
from plait.training import Callback
from plait.training._world import LostError

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no processes")

ROWS = 240
TABLE = pa.table(
    {
        "x": [float(n % 13) for n in range(ROWS)],
        "kind": pa.array(["abc"[n % 3] for n in range(ROWS)]).dictionary_encode(),
        # Of one of two processes no row of some steps has a label of the second task.
        "y": [float(n % 13) if n % 2 else None for n in range(ROWS)],
        "z": [n % 3 == 0 if n % 17 == 0 else None for n in range(ROWS)],
    }
)
STILL = {"fusion": "Concat", "sharing": {"name": "Bottom", "dropout": 0.0}, "width": 8}


NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "TMPDIR", "PYTHONPATH",
         "OMP_NUM_THREADS")  # fmt: skip


class Look(Callback):
    """Note epochs, and do something at a step."""

    def __init__(self, act=None, at: int = 3) -> None:
        self.epochs, self.steps, self.act, self.at = [], 0, act, at

    def on_step(self, step: int, steps: int) -> None:
        self.steps += 1
        if self.act and self.steps == self.at:
            self.act()

    def on_epoch(self, epoch) -> bool:
        self.epochs.append(epoch)
        return False


def learner(devices: int, **more) -> Learner:
    loop = {"epochs": 3, "batch_size": 32, "device": "cpu", "guard": "off", "input_dropout": 0.0}
    training = Training(**{**loop, **more.pop("training", {})})
    return Learner(["y", "z"], training=training, cache=False, devices=devices, **more)


@pytest.fixture
def started(monkeypatch, tmp_path):
    """The processes that were started, and a folder for all that is temporary."""
    found = []
    plain = subprocess.Popen

    def popen(*words, **options):
        found.append(plain(*words, **options))
        return found[-1]

    monkeypatch.setattr("plait._launch.subprocess.Popen", popen)
    make = partial(tempfile.mkdtemp, dir=str(tmp_path))
    monkeypatch.setattr("plait._launch.tempfile", SimpleNamespace(mkdtemp=make))
    # Tests run many processes on few cores.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield found
    torch.set_num_threads(threads)
    assert all(each.poll() is not None for each in found), "a process was left behind"
    assert not list(tmp_path.glob("plait-*")), "a folder was left behind"
    assert not dist.is_initialized()


def test_two_processes_train_what_one_does(started):
    before, look = {name: os.environ.get(name) for name in NAMES}, Look()
    two = learner(2, **STILL).fit(TABLE, TABLE.slice(0, 60), callbacks=[look])
    assert {name: os.environ.get(name) for name in NAMES} == before
    assert len(started) == 1
    one = learner(1, **STILL).fit(TABLE, TABLE.slice(0, 60))
    assert len(started) == 1
    assert [epoch.epoch for epoch in look.epochs] == [1, 2, 3]
    for mine, theirs in zip(two.history.epochs, one.history.epochs, strict=True):
        assert mine.losses == pytest.approx(theirs.losses, abs=1e-6)
        assert mine.scores == pytest.approx(theirs.scores, abs=1e-5)
    assert two.predict(TABLE.slice(0, 3)).column_names == one.predict(TABLE).column_names
    assert two.config == one.config


def test_a_process_that_is_killed_ends_the_training(started):
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"Process 1 was ended by signal 9 without a word"):
        learner(2).fit(TABLE, callbacks=[Look(lambda: started[0].kill())])
    assert time.monotonic() - began < 60


def test_a_process_that_fails_is_told_with_its_words(started, tmp_path, monkeypatch):
    (tmp_path / "shaky_fusion.py").write_text(
        textwrap.dedent("""
        import os
        from plait.fusion import Mean

        if os.environ.get("RANK"):
            raise RuntimeError("no ground here")

        class Shaky(Mean):
            "Falls where it is not alone."
        """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"(?s)has ended with code 1 and said:.*no ground here"):
        learner(2, fusion="shaky_fusion:Shaky").fit(TABLE)


def test_what_cannot_be_told_is_refused_before_anything_starts(started):
    from plait.fusion import Mean

    with pytest.raises(ConfigError, match=r"(?s)`fusion`, it is an object of 'Mean'.*torchrun"):
        learner(2, fusion=Mean(("x", "kind"), 8)).fit(TABLE)
    assert not started


def test_one_that_a_launcher_has_started_waits_for_nobody():
    began = time.monotonic()
    with pytest.raises(LostError), Launch(1, Training(device="cpu")):
        raise LostError
    assert time.monotonic() - began < GRACE


@pytest.mark.slow
def test_the_same_weights_as_with_torchrun(started, tmp_path):
    place = tmp_path / "table.parquet"
    parquet.write_table(TABLE, place)
    made = learner(2).fit(place)
    words = ["fit", str(place), "-t", "y", "-t", "z", "-o", str(tmp_path / "run")]
    loop = ["epochs=3", "batch_size=32", "device=cpu", "guard=off", "input_dropout=0"]
    for each in [*(f"training.{one}" for one in loop), "data.cache=false"]:
        words += ["--set", each]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone",
                "--nproc-per-node", "2", "-m", "plait"]  # fmt: skip
    subprocess.run([*launcher, *words], check=True, capture_output=True)
    from plait import load

    theirs = load(tmp_path / "run").model.state_dict()
    for name, weight in made.model.state_dict().items():
        assert torch.equal(weight, theirs[name]), name


@pytest.mark.slow
def test_checkpoints_of_two_processes_go_on_with_two(started, tmp_path):
    def fall() -> None:
        raise OSError("the lights went out")

    loop = {"training": {"checkpoint_every": 2}}
    whole = learner(2, **loop).fit(TABLE)
    with pytest.raises(OSError, match="the lights"):
        learner(2, **loop).fit(TABLE, checkpoints=tmp_path / "kept", callbacks=[Look(fall, 11)])
    found = learner(2, **loop).fit(TABLE, checkpoints=tmp_path / "kept", resume=True)
    for name, weight in found.model.state_dict().items():
        assert torch.equal(weight, whole.model.state_dict()[name]), name


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
def test_ctrl_c_ends_all(started, tmp_path, kept):
    place = tmp_path / "kept" if kept else None
    look = Look(lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        learner(2).fit(TABLE, checkpoints=place, callbacks=[look])
    assert not kept or list((tmp_path / "kept").glob("step-*"))


SCRIPT = """
import os, signal, sys, tempfile
tempfile.tempdir = sys.argv[1]
import plait
from plait._launch import GRACE, Launch
from plait.training import Callback
from plait.training._world import LostError

class Die(Callback):
    def on_step(self, step, steps):
        os.kill(os.getpid(), signal.SIGKILL)

table = {"x": [float(n) for n in range(200)], "y": [float(n % 7) for n in range(200)]}
plait.Learner(["y"], devices=3, training=plait.Training(device="cpu")).fit(table, callbacks=[Die()])
"""


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(tmp_path):
    """A script as anyone writes it, without a guard around what it does."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    seen: set[int] = set()
    over = threading.Event()

    def watch(parent: int) -> None:
        while not over.wait(0.1):
            seen.update(children(parent))

    with subprocess.Popen([sys.executable, str(script), str(tmp_path)]) as process:
        watcher = threading.Thread(target=watch, args=(process.pid,))
        watcher.start()
        assert process.wait() == -signal.SIGKILL
        over.set()
        watcher.join()
    assert len(seen) >= 2
    until = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/stat").exists() for pid in seen) and time.monotonic() < until:
        time.sleep(0.1)
    assert not [pid for pid in seen if Path(f"/proc/{pid}/stat").exists()]
    assert not list(tmp_path.glob("plait-*"))


def children(parent: int) -> set[int]:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("only Linux tells here which processes a process has")
    try:
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return set()
    return {int(word) for word in text.split()}
