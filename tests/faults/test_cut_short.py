"""Promise 14: what reads ahead never leaves a training hanging, nor ends it without a word.

plait has no processes that read; a thread does. What fails in it is raised where its item would
have come (``tests/training/test_ahead.py``). Here files go away under it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import plait
from plait import _answer
from plait.__main__ import main
from plait.training import outputs


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    script, home = Path(__file__).with_name("cut_short.py"), tmp_path_factory.mktemp("cut")
    done = subprocess.run([sys.executable, str(script), str(home)], capture_output=True, text=True,
                          check=False, timeout=300)  # fmt: skip
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    return json.loads(done.stdout)


def test_a_packed_table_that_is_cut_short_ends_the_training_with_the_cause(trained):
    ended, harmed = trained["pack cut"]
    assert harmed
    assert ended.startswith("DamagedError: A packed table on the disk should stay as it is")
    assert "4,096 of " in ended


def test_a_packed_table_that_is_removed_is_there_until_the_end(trained):
    ended, harmed = trained["pack removed"]
    assert harmed
    assert ended == "done"


def test_a_table_in_memory_needs_its_file_no_more(trained):
    ended, harmed = trained["arrow cut"]
    assert (ended, harmed) == ("done", 1)


@pytest.mark.parametrize("memory", [0, 1 << 26])
@pytest.mark.parametrize("form", ["parquet", "feather"])
@pytest.mark.parametrize("harm", [lambda file: os.truncate(file, 4096), Path.unlink])
def test_a_table_that_goes_away_while_it_is_answered_leaves_nothing(
    tmp_path, monkeypatch, capsys, form, memory, harm
):
    draw = np.random.default_rng(0)
    rows = pa.table({"x": draw.normal(size=4000), "y": draw.normal(size=4000)})
    loop = plait.Training(epochs=1, device="cpu", guard="off")
    plait.Learner(["y"], width=8, training=loop, cache=False).fit(rows[:200]).save(tmp_path / "run")
    file = tmp_path / f"rows.{form}"
    if form == "parquet":
        parquet.write_table(rows, file, row_group_size=500)
    else:
        feather.write_feather(rows, file, compression="uncompressed", chunksize=500)

    def harmed(*given: object) -> object:
        if file.exists() and file.stat().st_size > 4096:
            harm(file)
        return outputs(*given)

    monkeypatch.setattr(_answer, "CHUNK", 500)
    monkeypatch.setattr(_answer, "IN_MEMORY", memory)
    monkeypatch.setattr(_answer, "outputs", harmed)
    place = tmp_path / "answers"
    assert main(["predict", str(tmp_path / "run"), str(file), "-o", str(place / "a.csv")]) in (2, 3)
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == ""
    assert line.startswith("error: ")
    assert file.name in line
    assert list(place.iterdir()) == []
