import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

SMALL = ("--set", "training.epochs=1", "--set", "model.width=8")


def tabled(**columns: list) -> str:
    parquet.write_table(pa.table(columns), "t.parquet")
    return "t.parquet"


WRONG_TABLES = {
    "a target without labels": (
        {"x": [1.5, 2.5], "y": pa.nulls(2, pa.string())},
        "The target 'y' should have labels",
    ),
    "one class": ({"x": [1.5, 2.5], "y": ["a", "a"]}, "two different labels. Found only 'a'"),
    "soft labels": (
        {"x": [1.5, 2.5, 3.5], "y": [[0.5, 0.5], [0.5, 0.5], [0.75, 0.75]]},
        r"Row 2 (counted from 0) adds up to 1.5",
    ),
    "pictures that are not there": (
        {"x": ["a.jpg", "b.jpg"] * 3, "y": [1, 0] * 3},
        "6 rows name files that do not: 'a.jpg', 'b.jpg'",
    ),
    "pictures outside": (
        {"x": ["../a.jpg", "/b.png"] * 3, "y": [1, 0] * 3},
        "paths lead out of it",
    ),
    "no rows": ({"x": pa.nulls(0, pa.int64()), "y": pa.nulls(0, pa.int64())}, "at least one row"),
    "no input left": ({"x": [3, 3, 3], "y": [1, 0, 1]}, "Found no input. Left out: {'x'"),
}


@pytest.mark.parametrize(("columns", "told"), WRONG_TABLES.values(), ids=WRONG_TABLES)
def test_a_wrong_table_is_explained(folder, plait, columns, told):
    options = ("--set", "targets.y.type=Multiclass") if "[[" in str(columns) else ("-t", "y")
    words = ("fit", tabled(**columns), *options, "-o", "run", "--set", "data.valid=0", *SMALL)
    assert told in plait.refused(*words)
    assert not Path("run").exists()


def test_a_target_that_is_not_there_gets_a_suggestion(folder, plait):
    told = plait.refused("fit", "homes.parquet", "-t", "prize", "-o", "run")
    assert "There is no column 'prize' in the table. Did you mean 'price'?" in told


def test_all_wrong_targets_are_told_at_once(folder, plait):
    told = plait.refused("inspect", "homes.parquet", "-t", "prize", "-t", "sould")
    assert "2 problems" in told
    assert "'sold'" in told


def test_duplicate_columns_are_named(folder, plait):
    Path("d.csv").write_text("a,a,y\n1,2,3\n4,5,6\n", encoding="utf-8")
    assert "Used twice: 'a'" in plait.refused("inspect", "d.csv")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("fit", "homes.parquet", "-o", "run"), "at least one target"),
        (("fit", "no.csv", "-t", "y", "-o", "run"), "There is no file 'no.csv'"),
        (("fit", "homes.parquet", "-t", "sold"), "Missing option"),
        (("fit", "homes.xlsx", "-t", "y", "-o", "run"), "should end in one of"),
        (("inspect", "homes.parquet", "--set", "epochs=3"), "Did you mean 'training.epochs'?"),
        (("inspect", "homes.parquet", "--set", "fuson=Mean"), "Did you mean 'fusion'?"),
        (("inspect", "homes.parquet", "--set", "epochs"), "path.to.key=value"),
        (("inspect", "homes.parquet", "--config", "no.yaml"), "No such file"),
        (("fit", "homes.parquet", "-t", "sold", "-o", "run", "--budget", "soon"), "90s, 20m or"),
        (("fit", "homes.parquet", "-t", "sold", "-o", "homes.parquet"), "Found something else"),
        (("fit", "homes.parquet", "-t", "sold", "-o", "homes.parquet/run"), "cannot be written"),
        (("evaluate", "no", "homes.parquet"), "There is no such folder"),
        (("predict", "run", "homes.parquet", "-o", "a.xlsx"), "ends in .csv, .parquet"),
        (("predict", "run", "homes.parquet", "-o", "homes.parquet"), "already"),
        (("frob",), "No such command 'frob'"),
        (("inspect", "homes.parquet", "--jsno"), "--json"),
    ],
)
def test_a_wrong_word_is_explained(folder, plait, words, told):
    Path("homes.xlsx").write_bytes(b"PK")
    assert told in plait.refused(*words)
    assert not Path("run").exists()


def test_an_error_is_json_too_when_asked(folder, plait):
    told = plait.refused("inspect", "no.csv", "--json")
    assert json.loads(plait.out) == {"error": told.removeprefix("error: ").strip()}


def test_the_place_is_checked_before_the_training(trained, folder, plait):
    told = plait.refused("fit", "no.csv", "-t", "sold", "-o", trained)
    assert "There is a model in" in told
    assert "no.csv" not in told


def test_columns_that_went_away_are_named(trained, folder, plait):
    table = parquet.read_table("homes.parquet").rename_columns(
        ["sizes", "city", "price", "sold", "view"]
    )
    parquet.write_table(table, "new.parquet")
    told = plait.refused("predict", trained, "new.parquet", "-o", "a.csv")
    assert "There is no column 'size' in the table. Did you mean 'sizes'?" in told
    assert not Path("a.csv").exists()


def test_a_kept_column_may_not_bear_the_name_of_an_answer(trained, folder, plait):
    words = ("predict", trained, "homes.parquet", "-o", "a.csv", "--keep", "price")
    assert "Found 'price'" in plait.refused(*words)
    assert not Path("a.csv").exists()


@pytest.mark.parametrize("part", ["weights.safetensors", "schema.json", "config.json"])
def test_a_damaged_run_is_refused(trained, folder, plait, part):
    shutil.copytree(trained, "run")
    whole = bytearray(Path("run", part).read_bytes())
    whole[len(whole) // 2] ^= 1
    Path("run", part).write_bytes(whole)
    told = plait.refused("evaluate", "run", "homes.parquet", code=3)
    assert f"'{part}' in 'run' is not the file" in told
    Path("run", part).unlink()
    told = plait.refused("evaluate", "run", "homes.parquet", code=3)
    assert f"'{part}' is missing in 'run'" in told


def test_a_damaged_table_has_a_code_of_its_own(folder, plait):
    Path("t.parquet").write_bytes(Path("homes.parquet").read_bytes()[:-9])
    told = plait.refused("inspect", "t.parquet", code=3)
    assert "'t.parquet' cannot be read as .parquet" in told
    assert "take another copy" in told


def test_a_config_file_is_named_in_its_error(folder, plait):
    Path("c.yaml").write_text("training:\n  epoch: 3\n", encoding="utf-8")
    told = plait.refused("inspect", "homes.parquet", "--config", "c.yaml")
    assert "In 'c.yaml': There is no option 'training.epoch'" in told
    assert "Did you mean 'epochs'?" in told
    Path("c.yaml").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in plait.refused("inspect", "homes.parquet", "--config", "c.yaml")


def test_our_fault_has_a_traceback_and_asks_for_a_report(folder, plait, monkeypatch):
    from plait.data import Table

    def broken(*_: object) -> Table:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(Table, "of", broken)
    assert plait("inspect", "homes.parquet") == 1
    assert "ZeroDivisionError: ours" in plait.err
    assert plait.err.strip().endswith("Please report this with the lines above.")


def test_a_loss_that_is_not_finite_is_the_users(folder, plait, monkeypatch):
    from plait import Learner
    from plait._errors import NonFiniteError

    def exploded(*_: object, **__: object) -> Learner:
        raise NonFiniteError("The loss of 'sold' is nan.")

    monkeypatch.setattr(Learner, "fit", exploded)
    told = plait.refused("fit", "homes.parquet", "-t", "sold", "-o", "run")
    assert told == "error: The loss of 'sold' is nan.\n"


def test_ctrl_c_leaves_nothing_behind(folder, plait, monkeypatch):
    from plait import Learner

    def stopped(*_: object, **__: object) -> Learner:
        raise KeyboardInterrupt

    monkeypatch.setattr(Learner, "fit", stopped)
    assert plait("fit", "homes.parquet", "-t", "sold", "-o", "run") == 130
    assert "Traceback" not in plait.err
    assert [path.name for path in folder.iterdir()] == ["homes.parquet"]


def test_a_broken_pipe_is_quiet(folder):
    with subprocess.Popen(
        [sys.executable, "-m", "plait", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 141


def test_progress_draws_a_bar_and_gives_the_terminal_back(monkeypatch, capsys):
    from plait.training import Epoch, Progress

    epoch = Epoch(1, 4, 1.0, 500.0, 0.1, {"price": 0.5}, {}, {"price": 0.25}, 0.25, True)
    with Progress(live=True) as progress:
        progress.on_start(4)
        progress.on_step(1, 2)
        progress.on_epoch(epoch)
        shown = progress._bar(progress.began + 10)
    from rich.console import Console

    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(shown)
    text = console.export_text()
    for part in ("epoch 1/4", "500 rows/s", "left", "price 0.5", "mean 0.25", "in epoch 1"):
        assert part in text


def test_progress_writes_a_line_an_epoch(capsys):
    from plait.training import Epoch, Progress

    epoch = Epoch(1, 4, 1.0, 500.0, 0.1, {"price": 0.5}, {}, {"price": 0.25}, 0.25, True)
    with Progress(live=False) as progress:
        progress.on_pretraining(2, 3, 0.125)
        progress.on_epoch(epoch)
    told = "pretraining 2/3  loss 0.125\n"
    told += "epoch 1/4  loss price 0.5  score price 0.25  mean 0.25 (best)  500 rows/s  1.0 s\n"
    assert capsys.readouterr().err == told
