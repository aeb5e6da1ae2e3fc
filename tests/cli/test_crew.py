"""Several processes answer a table together: what they write and say is what one does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import chdir
from pathlib import Path

import pyarrow as pa
import pytest
import torch.distributed as dist
from pyarrow import csv, parquet

from plait import ConfigError, _answer
from plait.cli import _crew, _meet
from plait.cli._crew import Crew
from plait.cli._meet import crew

from .conftest import homes
from .crew_rank import in_parts, said

ROWS = 1000
"""Three parts: one process has two of them, and the other one."""
CLOCK = ("seconds", "rows_per_second")
COMMANDS = {
    "evaluate": ["evaluate", "run", "rows.csv", "--json"],
    "csv": ["predict", "run", "rows.parquet", "--json", "-o", "OUT/rows.csv"],
    "parquet": ["predict", "run", "rows.csv", "--keep", "city", "--json", "-o", "OUT/a.parquet"],
    "arrow": ["predict", "run", "rows.parquet", "--keep", "city", "--json", "-o", "OUT/a.arrow"],
    "few": ["predict", "run", "few.csv", "--json", "-o", "OUT/few.parquet"],
    "lines": ["predict", "run", "few.csv", "--json", "-o", "OUT/few.jsonl"],
}
FAILING = {
    "nowhere": ["predict", "run", "nowhere.csv", "-o", "two/nowhere.csv"],
    "damaged": ["predict", "run", "damaged.parquet", "-o", "two/damaged.csv"],
    "scored": ["evaluate", "run", "damaged.parquet"],
    "killed": ["predict", "run", "rows.csv", "-o", "two/killed.csv"],
}

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no processes")


def strange(rows: int) -> pa.Table:
    """Homes with cells that are told of: one that only the last share has, and some in each."""
    cities = ["Rome" if n == rows - 5 else ("Ulm", "Bonn")[n % 2] for n in range(rows)]
    return homes(rows).set_column(1, "city", pa.array(cities))


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    place = tmp_path_factory.mktemp("crew")
    (place / "run").symlink_to(trained, target_is_directory=True)
    csv.write_csv(strange(ROWS), place / "rows.csv")
    csv.write_csv(strange(90), place / "few.csv")
    rows, damaged = place / "rows.parquet", place / "damaged.parquet"
    parquet.write_table(strange(ROWS), rows, row_group_size=150)
    content = bytearray(rows.read_bytes())
    at = parquet.read_metadata(rows).row_group(6).column(0).dictionary_page_offset
    content[at : at + 40] = bytes(40)
    damaged.write_bytes(content)
    return place


@pytest.fixture(scope="module")
def alone(folder):
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        in_parts(patch.setattr)
        return {name: said([word.replace("OUT", "one") for word in words])
                for name, words in COMMANDS.items()}  # fmt: skip


@pytest.fixture(scope="module")
def two(folder):
    """What each of two processes has said of each command, in one launch."""
    words = [[each.replace("OUT", "two") for each in words]
             for words in [*COMMANDS.values(), *FAILING.values()]]  # fmt: skip
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
                "2", str(Path(__file__).with_name("crew_rank.py"))]  # fmt: skip
    done = subprocess.run(
        [*launcher, str(folder), json.dumps(words), "1"],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode != 0, "the last command kills a process"
    ranks = [json.loads((folder / f"told.{rank}").read_text()) for rank in (0, 1)]
    names = [*COMMANDS, *FAILING]
    assert [len(rank) for rank in ranks] == [len(names), len(names) - 1], done.stderr
    return [dict(zip(names, rank, strict=False)) for rank in ranks]


@pytest.mark.parametrize("name", COMMANDS)
def test_two_processes_write_and_say_what_one_does(folder, alone, two, name):
    first, second = (rank[name] for rank in two)
    assert first[0] == second[0] == alone[name][0] == 0, first[2] + second[2]
    assert second[1:] == ["", ""], "only the first process should speak"
    assert first[2] == alone[name][2]
    told, wanted = json.loads(first[1]), json.loads(alone[name][1])
    if "-o" in COMMANDS[name]:
        paths = folder / told.pop("output"), folder / wanted.pop("output")
        assert paths[0].read_bytes() == paths[1].read_bytes()
        for each in CLOCK:
            del told[each], wanted[each]
    assert told == wanted


@pytest.mark.parametrize("name", FAILING)
def test_where_one_fails_all_do_and_nothing_is_left(folder, two, name):
    said_of = [rank[name] for rank in two if name in rank]
    assert all(code for code, *_ in said_of), "all processes should fail"
    told = [line for _, _, err in said_of for line in err.splitlines() if "error: " in line]
    if name == "killed":
        assert [code for code, *_ in said_of] == [128 + signal.SIGTERM]
        assert told == []
    else:
        assert len(told) == 1, "the cause should be told once"
        assert ("nowhere.csv" if name == "nowhere" else "cannot be read as .parquet") in told[0]
    assert sorted(each.name for each in (folder / "two").iterdir()) == [
        "a.arrow", "a.parquet", "few.jsonl", "few.parquet", "rows.csv",
    ]  # fmt: skip


def test_one_that_gives_no_sign_of_life_ends_the_others(monkeypatch):
    monkeypatch.setattr(_crew, "BEAT", 0.01)
    monkeypatch.setattr(_crew, "PATIENCE", 0.2)
    monkeypatch.setattr(_meet, "_joined", lambda: _meet._begun(0, 2, dist.HashStore()))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    before = signal.getsignal(signal.SIGTERM)
    silent = pytest.raises(ConfigError, match="Process 1 has given no sign of life")
    with silent, crew() as found:
        found.gathered(None)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "says"),
    [(1, "Process 1 has given no sign of life for 45 s"), (0, "meet in is gone")],
)
def test_without_a_launcher_a_killed_process_ends_the_other(folder, victim, says):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    home = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    words = ["predict", "run", "rows.csv", "-o", f"alone-{victim}/killed.csv"]
    script = str(Path(__file__).with_name("crew_rank.py"))
    running = [
        subprocess.Popen(
            [sys.executable, script, str(folder), json.dumps([words]), str(victim)],
            env={**os.environ, **home, "RANK": rank, "OMP_NUM_THREADS": "1"},
        )
        for rank in "01"
    ]
    assert running[victim].wait(60) == -signal.SIGKILL
    began = time.monotonic()
    other = 1 - victim
    assert running[other].wait(120) == 0, "the script only writes down what the command has said"
    print("seconds to the end:", time.monotonic() - began)
    assert time.monotonic() - began < 60
    ((code, _, err),) = json.loads((folder / f"told.{other}").read_text())
    assert code == 2
    assert says in err
    assert list((folder / f"alone-{victim}").iterdir()) == []


def test_a_process_that_works_for_long_is_waited_for(monkeypatch):
    monkeypatch.setattr(_crew, "BEAT", 0.01)
    monkeypatch.setattr(_crew, "PATIENCE", 0.2)
    store = dist.HashStore()
    first, second = _meet._begun(0, 2, store), _meet._begun(1, 2, store)
    time.sleep(0.6)
    second.say("late", "here")
    assert first.hear("late") == "here"
    assert not first.lost
    first.over.set()
    second.over.set()


def test_without_an_address_it_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(ConfigError, match="MASTER_ADDR"), crew():
        pass


def test_asked_to_end_it_leaves_nothing_behind(folder, monkeypatch):
    def asked(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(_answer, "outputs", asked)
    with chdir(folder):
        code, out, err = said(["predict", "run", "few.csv", "-o", "ended/few.csv"])
    assert (code, out, err) == (128 + signal.SIGTERM, "", "stopped: nothing was written\n")
    assert list((folder / "ended").iterdir()) == []


def test_one_process_is_a_crew_of_its_own():
    with crew() as found:
        assert isinstance(found, Crew)
        assert (found.first, found.share, found.gathered(3)) == (True, (0, 1), [3])
