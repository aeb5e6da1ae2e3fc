import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

SMALL = ("--set", "training.epochs=2", "--set", "model.width=8", "--set", "training.batch_size=16")


def test_inspect_names_kinds_reasons_coverage_and_the_positive_class(folder, plait):
    found = plait.json("inspect", "homes.parquet", "-t", "price", "-t", "sold")
    price, sold = found["targets"]
    assert (price["type"], price["labeled"], price["rows"]) == ("Regression", 45, 60)
    assert (sold["type"], sold["classes"], sold["positive"]) == ("Binary", ["no", "yes"], "yes")
    kinds = {column["name"]: column for column in found["columns"]}
    assert list(kinds) == ["size", "city", "view"]
    assert kinds["city"]["kind"] == "Categorical"
    assert kinds["city"]["why"] == "few different values"
    assert kinds["city"]["distinct"] == 3
    assert kinds["size"]["missing"] == pytest.approx(0.1)
    assert "price: 15 without a label" in found["notes"]


def test_inspect_without_targets_shows_the_columns_and_says_how_to_go_on(folder, plait):
    assert plait("inspect", "homes.parquet") == 0
    assert "city" in plait.out
    assert "few different values" in plait.out
    assert "-t COLUMN" in plait.err


def test_inspect_believes_what_it_is_told(folder, plait):
    words = ("--set", "inputs.city=text", "--set", "inputs.size=ignore")
    columns = plait.json("inspect", "homes.parquet", "-t", "price", *words)["columns"]
    told = {column["name"]: (column["kind"], column["why"]) for column in columns}
    assert told["city"] == ("Text", "you said so")
    assert told["size"] == ("ignore", "you said so")


def test_what_inspect_writes_gives_the_same_schema(folder, plait):
    from plait import Config, Schema

    twins = {"no": ["a b", "c"] * 30, "012": [1.5, 2.5] * 30, "it's: #1": ["x;y", "y", "z;x"] * 20}
    table = parquet.read_table("homes.parquet")
    for name, cells in twins.items():
        table = table.append_column(name, pa.array(cells))
    parquet.write_table(table, "odd.parquet")
    assert plait("inspect", "odd.parquet", "-t", "price", "-t", "sold", "--write", "p.yaml") == 0
    config = Config.read(Path("p.yaml").read_text(encoding="utf-8"))
    written = Schema.infer("odd.parquet", config.targets, config.inputs)
    guessed = Schema.infer("odd.parquet", ["price", "sold"])
    assert (written.inputs, written.tasks) == (guessed.inputs, guessed.tasks)
    assert "already" in plait.refused("inspect", "odd.parquet", "--write", "p.yaml")
    assert plait("fit", "odd.parquet", "--config", "p.yaml", "-o", "run", *SMALL) == 0


def test_inspect_writes_what_was_changed_and_comments_the_rest(folder, plait):
    words = ("--set", "fusion=Mean", "--set", "training.learning_rate=1e-3")
    assert plait("inspect", "homes.parquet", "-t", "sold", *words, "--write", "p.yaml") == 0
    text = Path("p.yaml").read_text(encoding="utf-8")
    assert "\nfusion: Mean\n" in text
    assert "\n# seed: 0\n" in text
    assert "learning_rate: 0.001" in text


def test_inspect_tells_of_pictures_that_are_not_there(folder, plait):
    parquet.write_table(
        pa.table({"photo": ["a.jpg", "../b.jpg"] * 5, "sold": ["yes", "no"] * 5}), "p.parquet"
    )
    (problem,) = plait.json("inspect", "p.parquet", "-t", "sold")["problems"]
    assert "lead out of it: '../b.jpg'" in problem
    assert "do not: 'a.jpg'" in problem


def test_inspect_finds_what_is_wrong_and_says_it_in_words(folder, plait):
    table = pa.concat_tables([parquet.read_table("homes.parquet")] * 2)
    table = table.append_column("seen", table["view"]).append_column("n", pa.array([*range(120)]))
    parquet.write_table(table, "new.parquet")
    later = table.slice(0, 20).append_column("later", pa.array(["x"] * 20))
    parquet.write_table(later, "later.parquet")
    words = ("new.parquet", "-t", "view", "--valid", "later.parquet")
    assert plait("inspect", *words) == 0
    for part in (
        "Likely leaks\n  'seen' alone gives 'view' away: 100 %",
        "Rows that are there twice\n  60 rows (50 %",
        "Rows that are in both tables\n  20 rows",
        "Columns of one table only\n  The first table has no column 'later'",
    ):
        assert part in plait.out
    kinds = [each["kind"] for each in plait.json("inspect", *words)["findings"]]
    assert kinds == ["leak", "duplicate", "shared", "columns"]


def test_a_terminal_is_not_steered_by_a_name(folder, plait):
    csv.write_csv(pa.table({"a\x1b[31m": [1.5, 2.5, 3.0], "y": [1, 0, 1]}), "odd.csv")
    assert plait("inspect", "odd.csv", "-t", "y") == 0
    assert "\x1b" not in plait.out
    assert r"a\x1b[31m" in plait.out


def test_fit_tells_what_it_did_as_json_alone(folder, plait):
    words = ("-t", "price", "-t", "sold", "-o", "run", "--seed", "3", "--budget", "1h")
    found = plait.json("fit", "homes.parquet", *words, *SMALL)
    assert found["rows"] + found["rows_held_back"] == 60
    assert found["targets"] == {"price": "Regression", "sold": "Binary"}
    assert found["epochs"] == 2
    assert found["stopped"] == "done"
    assert set(found["scores"]) == {"price", "sold"}
    assert plait.err.count("\nepoch ") + plait.err.startswith("epoch ") == 2
    config = json.loads(Path("run/config.json").read_text(encoding="utf-8"))
    assert (config["seed"], config["budget"]) == (3, "1h")
    lines = Path("run/log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line).get("epoch") for line in lines] == [1, 2, None]
    assert json.loads(lines[-1])["stage"] == "guard"


def test_fit_for_people_gives_account_of_everything(folder, plait):
    words = ("-t", "sold", "-o", "run", "--set", "inputs.view=ignore", "--valid", "homes.parquet")
    assert plait("fit", "homes.parquet", *words, *SMALL) == 0
    for part in (
        "60 rows, 60 more to choose",
        "view",
        "you said so",
        "size: 6 missing",
        "Validation",
        "of 2",
    ):
        assert part in plait.out
    assert "plait evaluate run" in plait.out


def test_the_config_of_a_run_can_be_given_to_fit(trained, folder, plait):
    words = ("--config", trained / "config.json", "-o", "again", "--set", "training.epochs=1")
    assert set(plait.json("fit", "homes.parquet", *words)["targets"]) == {"price", "sold", "view"}


def test_targets_of_the_line_add_to_those_of_the_file(folder, plait):
    Path("c.yaml").write_text("targets: [price]\nfusion: Mean", encoding="utf-8")
    found = plait.json(
        "fit", "homes.parquet", "--config", "c.yaml", "-t", "sold", "-o", "run", *SMALL
    )
    assert set(found["targets"]) == {"price", "sold"}


def test_a_balancer_of_the_working_folder_is_found(folder, plait, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    text = "from plait.balancing import Sum\n\nclass Mine(Sum):\n    pass\n"
    Path("mymodule.py").write_text(text, encoding="utf-8")
    words = ("-t", "sold", "-o", "run", "--set", "balancing=mymodule:Mine")
    assert plait("fit", "homes.parquet", *words, *SMALL) == 0


def test_evaluate_prints_exactly_tasks_baselines_and_notes(trained, folder, plait):
    found = plait.json("evaluate", trained, "homes.parquet")
    assert set(found) == {"tasks", "baselines", "notes"}
    assert found["tasks"]["price"]["rows"] == 45
    assert found["baselines"]["sold"]["roc_auc"] == 0.5
    assert plait("evaluate", trained, "homes.parquet") == 0
    head, *rows = plait.out.splitlines()
    assert head.split() == ["task", "metric", "plait", "baseline", "rows"]
    assert ["sold", "roc_auc"] in [row.split()[:2] for row in rows]


def test_a_score_that_is_no_number_is_null(trained, folder, plait):
    table = parquet.read_table("homes.parquet")
    only = table.filter(pa.compute.equal(table["sold"], "yes"))
    parquet.write_table(only, "yes.parquet")
    assert plait.json("evaluate", trained, "yes.parquet")["tasks"]["sold"]["roc_auc"] is None


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow", "feather", "jsonl"])
def test_predict_writes_each_format_in_row_order(trained, folder, plait, ending):
    target = Path(f"out/answers.{ending}")
    found = plait.json("predict", trained, "homes.parquet", "-o", target, "--keep", "city")
    assert found["rows"] == 60
    assert "size: 6 missing" in found["notes"]
    if ending == "csv":
        answers = csv.read_csv(target)
        assert "view_probabilities.lake" in answers.column_names
    elif ending == "jsonl":
        lines = target.read_text(encoding="utf-8").splitlines()
        answers = pa.Table.from_pylist([json.loads(line) for line in lines])
    else:
        answers = (parquet if ending == "parquet" else feather).read_table(target)
        assert pa.types.is_struct(answers["view_probabilities"].type)
    assert answers["city"].to_pylist() == parquet.read_table("homes.parquet")["city"].to_pylist()
    assert answers.column_names[:4] == ["city", "price", "sold", "sold_probability"]
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_predict_is_what_python_predicts(trained, folder, plait):
    import plait as library

    assert plait("predict", trained, "homes.parquet", "-o", "a.parquet") == 0
    expected = library.load(trained).predict("homes.parquet")
    assert parquet.read_table("a.parquet").to_pydict() == expected.to_pydict()


def test_predict_needs_no_labels(trained, folder, plait):
    parquet.write_table(parquet.read_table("homes.parquet", columns=["size", "city"]), "n.parquet")
    assert plait("predict", trained, "n.parquet", "-o", "a.csv") == 0
    assert "60 rows in " in plait.out


def test_predict_tells_a_line_for_each_input_beside_the_answers(trained, folder, plait):
    rows = {"size": [30.0, None, 1e6], "city": ["Ulm", "Rome", "Oslo"]}
    parquet.write_table(pa.table(rows), "new.parquet")
    assert plait("predict", trained, "new.parquet", "-o", "a.csv") == 0
    size, city = plait.err.splitlines()
    assert size.startswith("size: size 1 missing (33.3 %, 10 % in training); size 1 out of range")
    assert city == "city: city 2 unseen (66.7 %, none in training: Rome, Oslo)"
    found = plait.json("predict", trained, "new.parquet", "-o", "b.csv")["account"]
    assert (found["rows"], found["news"]) == (3, True)
    assert [met["what"] for met in found["inputs"]["size"]] == ["missing", "out of range"]


def test_lists_are_json_in_csv(folder):
    from plait.cli._write import writer

    with writer(Path("a.csv")) as write:
        write(pa.table({"tags": [["a", 'b"'], None], "bytes": [b"\x00", None]}))
    assert csv.read_csv("a.csv").to_pydict() == {
        "tags": ['["a", "b\\""]', ""],
        "bytes": ["AA==", ""],
    }


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow", ".feather", ".jsonl"])
def test_parts_are_written_end_to_end(folder, ending):
    from plait import Table
    from plait.cli._write import writer

    target = Path("a" + ending)
    with writer(target) as write:
        for start in (0, 3):
            write(pa.table({"n": [start, start + 1, start + 2], "t": ["a", None, "ü"]}))
        assert not target.exists()
    found = Table.of(target).arrow
    assert found["n"].to_pylist() == [0, 1, 2, 3, 4, 5]
    assert [cell or None for cell in found["t"].to_pylist()] == ["a", None, "ü"] * 2


def test_an_error_between_two_parts_leaves_no_file(folder):
    from plait.cli._write import writer

    def half() -> None:
        with writer(Path("a.parquet")) as write:
            write(pa.table({"n": [1]}))
            raise LookupError

    with pytest.raises(LookupError):
        half()
    assert not list(folder.glob("*a.parquet*"))


def test_a_file_is_replaced_whole_or_not_at_all(folder):
    from plait.cli._place import draft

    Path("a.txt").write_text("old", encoding="utf-8")

    def half() -> None:
        with draft(Path("a.txt")) as file:
            file.write_text("new", encoding="utf-8")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        half()
    assert Path("a.txt").read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "homes.parquet"]


def test_doctor_knows_every_extra(plait):
    found = plait.json("doctor")
    assert found["packages"]["torch"]["installed"]
    assert found["torch"]["devices"][0] == "cpu"
    assert {"pandas", "polars", "dev"} <= set(found["extras"])
    assert all(part["brings"] != "-" for part in found["extras"].values())
    assert found["extras"]["polars"]["install"] == "pip install 'plait[polars]'"


def test_doctor_says_what_is_missing(plait, monkeypatch):
    from plait.cli import _doctor

    known = _doctor._installed
    monkeypatch.setattr(_doctor, "_installed", lambda n: None if n == "polars" else known(n))
    assert plait("doctor") == 0
    assert "missing: polars" in plait.out
    assert "pip install 'plait[polars]'" in plait.out


def test_python_m_plait_and_the_version(folder):
    done = subprocess.run(
        [sys.executable, "-m", "plait", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "plait 0.1.0\n"


def test_without_words_it_explains_itself(plait):
    assert plait() == 0
    assert all(verb in plait.out for verb in ("inspect", "fit", "evaluate", "predict", "doctor"))


def test_a_model_is_used_from_another_folder(trained, folder, plait):
    shutil.copytree(trained, "moved")
    assert plait("evaluate", "moved", "homes.parquet") == 0


def test_a_damaged_pack_is_told_in_one_line(plait, folder):
    words = ("fit", "n.parquet", "-t", "price", "-o", "r", "--set", "data.cache=packs",
             "--set", "training.epochs=1")  # fmt: skip
    pq_rows = {"size": [float(n) for n in range(40)], "price": [2.0 * n for n in range(40)]}
    parquet.write_table(pa.table(pq_rows), "n.parquet")
    assert plait(*words) == 0
    (file,) = Path("packs").rglob("train/0000.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    assert plait(*words, "--overwrite") == 0
    assert plait.err.count("note: A pack on disk is not used, and made again") == 1
