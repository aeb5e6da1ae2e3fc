"""Faults that a stranger found by trying to break plait; none may come back."""

import json

import pyarrow as pa
import pyarrow.csv
import pytest
import torch
from PIL import Image as Pillow

import plait
from plait._answer import CHUNK, answer
from plait.data import Masked, Source
from plait.schema._guess_target import guess_target

SHORT = plait.Training(epochs=1)


def test_pictures_of_several_folders_have_no_one_root(tmp_path):
    for folder, shade in (("a", 0), ("b", 255)):
        (tmp_path / folder).mkdir()
        Pillow.new("RGB", (16, 16), (shade,) * 3).save(tmp_path / folder / "0.png")
        rows = pa.table({"photo": ["0.png"] * 4, "y": [0, 1, 0, 1]})
        pyarrow.csv.write_csv(rows, tmp_path / folder / "t.csv")
    with pytest.raises(plait.DataError, match=r"should start from one folder.*Give `root=`"):
        plait.Learner(["y"], {"photo": "Image"}, training=SHORT).fit(
            str(tmp_path / "[ab]" / "t.csv")
        )


def test_files_of_one_table_have_the_same_columns(tmp_path):
    for name, column in (("a", "x"), ("b", "X")):
        pyarrow.csv.write_csv(pa.table({column: [1], "y": [2]}), tmp_path / f"{name}.csv")
    with pytest.raises(plait.DataError, match=r"same columns.*'X', 'x'"):
        plait.Table.of(str(tmp_path / "*.csv"))


def test_only_the_commonest_class_gives_no_endless_score():
    labels = ["a"] * 90 + ["b"] * 6 + ["c"] * 4
    task = plait.Multiclass(column="y").fit(plait.Table.of({"y": labels}))
    output = torch.tensor([[1.0, 0.0, 0.0]] * 19 + [[0.0, 1.0, 0.0]])
    target = Masked(torch.zeros(20, dtype=torch.int64), torch.ones(20, dtype=torch.bool))
    assert task.score(output, target) == 0


def test_one_bad_row_of_soft_labels_is_told_and_changes_no_kind():
    rows = [[0.2, 0.3, 0.5]] * 50 + [[0.9, 0.9, 0.9]]
    table = {"x": [n / 3 for n in range(51)], "y": rows}
    with pytest.raises(plait.DataError, match=r"Row 50 \(counted from 0\) adds up to 2\.7"):
        plait.Learner(["y"], training=SHORT).fit(table)


def test_lists_of_codes_are_labels():
    assert guess_target("y", pa.array([[1, 3], [2], [1, 2, 5]] * 20)).kind == "MultiLabel"


def test_rows_beyond_the_first_part_keep_their_numbers():
    rows = [[1.0, 2.0]] * (CHUNK + 100)
    table = {"v": rows, "y": [float(n % 7) for n in range(len(rows))]}
    learner = plait.Learner(["y"], training=SHORT, width=8)
    learner.fit({"v": [[float(n), 1.0] for n in range(50)], "y": table["y"][:50]})
    rows[CHUNK + 50] = [float("nan"), 1.0]
    with pytest.warns(plait.PlaitWarning, match=rf"of another length \(row {CHUNK + 50}\)"):
        found = answer(learner.schema, learner.model, Source.of({"v": rows}))
    assert found.notes[0].examples == (f"row {CHUNK + 50}",)


@pytest.mark.parametrize(
    ("task", "cells"),
    [
        (plait.Multiclass(names=("a", "a", "b")), [[0.2, 0.3, 0.5]] * 3),
        (plait.Ordinal(order=("1", "1", "2")), [1, 2, 1]),
    ],
)
def test_classes_bear_names_of_their_own(task, cells):
    with pytest.raises(plait.DataError, match=r"name of its own. Given twice: '(a|1)'"):
        plait.Schema({"x": plait.Numeric()}, {"y": task}).fit({"x": [1.0, 2.0, 3.0], "y": cells})


def test_an_order_that_names_more_than_numbers_is_answered_in_text():
    task = plait.Ordinal(column="y", order=("low", "1", "2"))
    fitted = task.fit(plait.Table.of({"y": [1, 2, 2]}))
    assert fitted.decode(torch.tensor([[9.0, 9.0]]))["y"].to_pylist() == ["2"]


def test_no_row_is_an_error_that_names_what_there_is():
    table = plait.Table.of({"split": ["train", "test"], "x": [1, 2]})
    with pytest.raises(plait.DataError, match=r"should be 'trian'. Found 'train', 'test'"):
        table.where("split", "trian")


def test_a_root_given_later_counts(tmp_path):
    assert plait.Table.of(plait.Table.of({"x": [1]}), root=tmp_path).root == tmp_path


def test_kinds_are_those_of_the_whole_table():
    labels = ["a", "b"] * 149 + ["rare", "rare"]
    table = {"x": [n / 7 for n in range(300)], "y": labels}
    for seed in range(3):
        learner = plait.Learner(["y"], training=SHORT, width=8, valid=0.3, seed=seed).fit(table)
        assert isinstance(learner.schema.tasks["y"], plait.Multiclass)


def test_validation_rows_without_labels_are_refused():
    table = {"x": [n / 7 for n in range(60)], "y": [float(n) for n in range(60)]}
    with pytest.raises(plait.DataError, match=r"validation rows should have labels.*valid=0"):
        plait.Learner(["y"], training=SHORT).fit(table, {"x": [1.0, 2.0], "y": [None, None]})


def test_a_declared_multilabel_is_divided_as_a_guessed_one():
    cells = ["a|b", "a|c", "b", "c", "a|b|c", "b|c", "a"] * 6
    schema = plait.Schema.infer({"x": list(range(1, 43)), "y": cells}, {"y": "MultiLabel"},
                                {"x": "Numeric"})  # fmt: skip
    assert schema.tasks["y"].separator == "|"


def test_a_metric_that_is_not_defined_is_null():
    table = {"x": [n / 7 for n in range(60)], "y": ["no", "yes"] * 30}
    learner = plait.Learner(["y"], training=SHORT, width=8).fit(table)
    found = learner.evaluate({"x": [1.0, 2.0], "y": ["no", "no"]})
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["tasks"]["y"]["roc_auc"] is None


def test_a_lone_column_that_counts_the_rows_is_used():
    schema = plait.Schema.infer({"x": list(range(9)), "y": [1.5, 2.5, 9.0] * 3}, ["y"])
    assert list(schema.inputs) == ["x"]
    assert schema.ignored == {}
