import math
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from pyarrow import csv, parquet

from plait import (
    ConfigError,
    DataError,
    Learner,
    Multiclass,
    NonFiniteError,
    NotFittedError,
    PlaitWarning,
    Regression,
    Table,
    Training,
    _answer,
)
from plait._config import Config
from plait.balancing import Sum
from plait.fusion import Attention, Mean
from plait.sharing import Bottom

QUICK = Training(epochs=2, batch_size=16, device="cpu")
ROWS = 40


def homes(rows: int = ROWS) -> dict[str, list]:
    size = [20.0 + 7 * n % 83 for n in range(rows)]
    return {
        "size": [None if n % 10 == 3 else size[n] for n in range(rows)],
        "age": [float(n % 9) for n in range(rows)],
        "city": [("Ulm", "Bonn", "Kiel", None)[n % 4] for n in range(rows)],
        "note": [f"a {('red', 'blue')[n % 2]} house with {n % 5} rooms" for n in range(rows)],
        "price": [None if n % 4 == 1 else 3.5 * size[n] + 0.25 * n for n in range(rows)],
        "sold": [("no", "yes")[size[n] > 60] for n in range(rows)],
        "view": [("sea", "lake", "road")[int(size[n]) % 3] for n in range(rows)],
    }


TARGETS = ["price", "sold", "view"]
ANSWERS = ["price", "sold", "sold_probability", "view", "view_probabilities"]


def made(targets: Any = TARGETS, inputs: Any = None, **choices: Any) -> Learner:
    learner = Learner(targets, inputs, width=8, training=QUICK)
    for name, choice in choices.items():  # past the types of the signature, as users are
        assert hasattr(learner, name)
        setattr(learner, name, choice)
    return learner


@pytest.fixture(scope="module")
def learner() -> Learner:
    return made().fit(homes())


def close(one: dict, two: dict) -> None:
    assert list(one) == list(two)
    for name in one:
        for a, b in zip(one[name], two[name], strict=True):
            if isinstance(a, dict):
                assert a == pytest.approx(b, abs=1e-5)
            elif isinstance(a, float):
                assert a == pytest.approx(b, rel=1e-5, abs=1e-5)
            else:
                assert a == b


def finite(answers: dict) -> None:
    for name in ("price", "sold_probability"):
        assert all(math.isfinite(value) for value in answers[name])


KINDS = {
    "dict": lambda path: homes(),
    "pandas": lambda path: pd.DataFrame(homes(), index=[f"r{n % 7}" for n in range(ROWS)]),
    "polars": lambda path: pl.DataFrame(homes()),
    "arrow": lambda path: pa.table(homes()),
    "duckdb": lambda path: duckdb.from_arrow(pa.table(homes())),
}


@pytest.mark.parametrize("kind", KINDS)
def test_answers_come_back_as_the_kind_that_came_in(learner, kind, tmp_path):
    wanted = learner.predict(homes())
    source = KINDS[kind](tmp_path)
    found = learner.predict(source)
    if kind == "pandas":
        assert isinstance(found, pd.DataFrame)
        assert found.index.equals(source.index)
        found = found.to_dict("list")
    elif kind == "polars":
        assert isinstance(found, pl.DataFrame)
        found = found.to_dict(as_series=False)
    elif kind != "dict":
        assert isinstance(found, pa.Table)
        found = found.to_pydict()
    assert list(found) == ANSWERS
    close(found, wanted)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("as_text", [True, False])
def test_files_are_learned_from_and_answered_alike(kind, as_text, tmp_path):
    path = tmp_path / f"homes.{kind}"
    (csv.write_csv if kind == "csv" else parquet.write_table)(pa.table(homes()), path)
    learner = made().fit(str(path) if as_text else path)
    found = learner.predict(path)
    assert isinstance(found, pa.Table)
    close(found.to_pydict(), made().fit(homes()).predict(homes()))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_is_learned_from_alike(learner, kind, tmp_path):
    again = made().fit(KINDS[kind](tmp_path))
    close(again.predict(homes()), learner.predict(homes()))


@pytest.mark.parametrize("chunk", [1, 7, 39])
def test_answers_do_not_depend_on_the_size_of_a_chunk(learner, monkeypatch, chunk):
    wanted = learner.predict(homes())
    monkeypatch.setattr(_answer, "CHUNK", chunk)
    close(learner.predict(homes()), wanted)


def test_answers_do_not_depend_on_order_or_on_other_rows(learner):
    table, wanted = pa.table(homes()), learner.predict(homes())
    order = np.random.default_rng(0).permutation(ROWS)
    turned = learner.predict(table.take(pa.array(order))).to_pydict()
    close(turned, {name: [cells[n] for n in order] for name, cells in wanted.items()})
    for row in (0, 3, 17):
        alone = learner.predict(table.slice(row, 1)).to_pydict()
        close(alone, {name: [cells[row]] for name, cells in wanted.items()})


def test_labels_in_the_table_have_no_say(learner):
    wanted = learner.predict(homes())
    bare = {name: cells for name, cells in homes().items() if name not in TARGETS}
    assert learner.predict(bare) == wanted
    wrong = bare | {"price": [[1]] * ROWS, "sold": [b"?"] * ROWS, "view": [7.5] * ROWS}
    assert learner.predict(wrong) == wanted


def test_columns_are_kept_before_the_answers(learner):
    found = learner.predict(homes(), keep=["note", "age"])
    assert list(found) == ["note", "age", *ANSWERS]
    assert found["note"] == homes()["note"]
    assert list(learner.predict(homes(), keep="note")) == ["note", *ANSWERS]
    with pytest.raises(DataError, match=r"There is no column 'nota'.*Did you mean 'note'"):
        learner.predict(homes(), keep=["nota"])
    with pytest.raises(DataError, match=r"should not bear the name of an answer. Found 'price'"):
        learner.predict(homes(), keep=["price"])


def test_columns_that_differ_are_told_and_more_are_no_matter(learner):
    table = homes()
    table["sizes"] = table.pop("size")
    with pytest.raises(DataError, match=r"There is no column 'size'.*Did you mean 'sizes'"):
        learner.predict(table)
    with pytest.raises(DataError, match=r"4 problems(.|\n)*'size'(.|\n)*'city'"):
        learner.predict({"zzz": list(range(ROWS))})
    assert learner.predict(homes() | {"more": list(range(ROWS))}) == learner.predict(homes())


@pytest.mark.parametrize("column", ["size", "age", "city", "note"])
def test_an_empty_column_gets_a_finite_answer(learner, column):
    finite(learner.predict(homes() | {column: [None] * ROWS}))


def test_strangers_and_new_holes_get_finite_answers_and_notes(learner):
    table = homes(4)
    table["city"] = ["Rome", "Oslo", None, "Ulm"]
    table["age"] = [math.nan, None, 1e300, -math.inf]
    table["size"] = ["x", "12", None, ""]
    table["note"] = ["", None, "xyzzy \x00 \u200b", "\U0001f600" * 500]
    with pytest.warns(PlaitWarning, match=r"not be taken as they stood.*size: 1 no finite number"):
        finite(learner.predict(table))
    nothing = {name: [None] for name in ("size", "age", "city", "note")}
    finite(learner.predict(nothing))
    table["price"], table["sold"] = [1.0, 2.0, 3.0, None], ["yes", "no", "maybe", "no"]
    told = "; ".join(map(str, learner.evaluate(table).notes))
    for part in ("city: 2 unseen (Rome, Oslo)", "city: 1 missing", "age: 1 no finite number",
                 "size: 1 no finite number", "sold: 1 labels not seen in training (maybe)",
                 "price: 1 without a label"):  # fmt: skip
        assert part in told


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_share_is_held_back(share):
    learner = made(valid=share).fit(homes())
    assert (learner.rows, learner.rows_held_back) == (ROWS - ROWS * share, ROWS * share)
    assert all((epoch.score is None) == (share == 0) for epoch in learner.history.epochs)


def test_a_table_to_choose_by():
    learner = made().fit(homes(), valid=pd.DataFrame(homes(12)))
    assert (learner.rows, learner.rows_held_back) == (ROWS, 12)
    assert learner.history.epochs[0].score is not None


def test_a_table_of_one_row():
    table = {"a": [1.0, 2.0], "y": [1.0, 2.0]}
    learner = made({"y": Regression()}, {"a": "numeric"}, valid=0.8).fit(table)
    assert (learner.rows, learner.rows_held_back) == (1, 1)


OPTIONS = {
    "targets": {"targets": {"price": Regression(log=True), "sold": None, "view": None}},
    "inputs": {"inputs": {"age": "ignore"}},
    "fusion": {"fusion": "Mean"},
    "fusion options": {"fusion": {"name": "Attention", "heads": 2}},
    "sharing": {"sharing": {"name": "Bottom", "layers": 1}},
    "balancing": {"balancing": {"name": "Sum", "weights": {"price": 9.0}}},
    "width": {"width": 12},
    "training": {"training": Training(epochs=3, batch_size=16, device="cpu")},
    "valid": {"valid": 0.4},
    "seed": {"seed": 1},
    "weight": {"targets": {"price": Regression(weight=5), "sold": None, "view": None}},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_changes_the_answers(learner, option):
    other = made(**OPTIONS[option]).fit(homes())
    assert other.predict(homes())["price"] != learner.predict(homes())["price"]


def test_a_budget_ends_the_training():
    long = Training(epochs=100_000, batch_size=16, device="cpu")
    learner = made(["price"], {"note": "ignore"}, training=long, budget=0.2).fit(homes())
    assert learner.history.stopped == "budget"


def test_before_it_has_seen_a_table(tmp_path):
    learner = made()
    for use in (
        lambda: learner.predict(homes()),
        lambda: learner.evaluate(homes()),
        lambda: learner.save(tmp_path / "m"),
        lambda: learner.schema,
        lambda: learner.model,
    ):
        with pytest.raises(NotFittedError, match=r"has not seen a table yet: call `fit\(table\)`"):
            use()
    with pytest.raises(NotFittedError, match="it has no history"):
        _ = learner.history
    assert list(tmp_path.iterdir()) == []


class Doubled(Mean):
    def forward(self, tokens):
        return super().forward(tokens) * 2


class Loud(Sum):
    def weights(self, step):
        return super().weights(step) * 0.01


def ways(tmp_path, monkeypatch) -> list[Any]:
    (tmp_path / "my_strand.py").write_text(
        "from plait.fusion import Mean\nclass Twice(Mean):\n"
        "    def forward(self, tokens):\n        return super().forward(tokens) * 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    parts = tuple(made().fit(homes()).schema.inputs)
    return [Doubled, {"name": Doubled}, Doubled(parts, 8), "my_strand:Twice",
            {"name": "my_strand:Twice"}]  # fmt: skip


def test_a_fusion_of_ones_own_in_every_way(tmp_path, monkeypatch, learner):
    found = [made(fusion=way).fit(homes()).predict(homes()) for way in ways(tmp_path, monkeypatch)]
    assert found[0] != learner.predict(homes())
    for index in (1, 3, 4):
        assert found[index] == found[0]


def test_an_object_is_copied_so_that_a_second_fit_begins_anew():
    inputs = tuple(made().fit(homes()).schema.inputs)
    fusion, sharing, balancing = Mean(inputs, 8), Bottom(tuple(TARGETS), 8), Sum(TARGETS)
    learner = made(fusion=fusion, sharing=sharing, balancing=balancing)
    first = learner.fit(homes()).predict(homes())
    assert learner.fit(homes()).predict(homes()) == first
    assert not fusion.nothing.any()


def test_sharing_and_balancing_by_class(learner):
    wanted = learner.predict(homes())
    same = made(sharing=Bottom, balancing=Sum, fusion=Attention).fit(homes())
    assert same.predict(homes()) == wanted
    assert made(balancing=Loud).fit(homes()).predict(homes()) != wanted


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"fusion": "Atention"}, "no Fusion called 'Atention'.*Did you mean 'Attention'"),
        ({"sharing": {"name": "Botom"}}, "Did you mean 'Bottom'"),
        ({"balancing": "Summ"}, "Did you mean 'Sum'"),
        ({"fusion": 3}, "A Fusion should be chosen by its name"),
        ({"fusion": {"heads": 2}}, "A Fusion should be chosen by its name"),
        ({"fusion": Bottom}, "A Fusion should be chosen by its name"),
        ({"fusion": "no_such_module:F"}, "should name a Fusion as `module:Class`"),
        ({"valid": 0.95}, "data.valid"),
        ({"valid": -0.1}, "data.valid"),
        ({"valid": "much"}, "data.valid"),
        ({"valid": math.nan}, "data.valid"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"width": 0}, "model.width"),
        ({"width": "wide"}, "model.width"),
        ({"budget": "soon"}, "`budget` should be a time"),
        ({"budget": -3}, "`budget` should be a time"),
        ({"budget": 0}, "`budget` should be a time"),
        ({"budget": True}, "budget"),
        ({"budget": ["9m"]}, "budget"),
        ({"training": {"epoch": 3}}, "Did you mean 'training.epochs'|Did you mean 'epochs'"),
    ],
)
def test_a_wrong_choice_is_refused_before_the_table_is_read(choice, message):
    with pytest.raises(ConfigError, match=message):
        made(**choice).fit("no/such/file.csv")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"fusion": {"name": "Attention", "head": 2}}, "options of Attention do not fit"),
        ({"fusion": {"name": "Attention", "dropout": 5}}, "options of Attention do not fit"),
        ({"fusion": {"name": "Attention", "heads": 3}}, "should be a multiple of `heads`"),
        ({"balancing": {"name": "Sum", "weights": {"prize": 1.0}}}, "Did you mean 'price'"),
        ({"balancing": Sum(["other"])}, "The balancing should be made for the tasks"),
        ({"fusion": Mean(["other"], 8)}, "The fusion should be made for"),
    ],
)
def test_options_that_do_not_fit_are_told(choice, message):
    with pytest.raises(ConfigError, match=message):
        made(**choice).fit(homes())


def test_training_may_be_written_as_a_mapping():
    options = {"epochs": 2, "batch_size": 16, "device": "cpu"}
    assert made(training=options).fit(homes()).predict(homes()) == made().fit(homes()).predict(
        homes()
    )


@pytest.mark.parametrize("seed", [np.int64(3), 10**30])
def test_a_seed_of_any_kind_is_written_down(seed):
    assert made(seed=seed).fit(homes()).config["seed"] == seed
    assert type(made(seed=seed).fit(homes()).config["seed"]) is int


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"inputs": {"note": "text", "age": "ignore"}, "fusion": {"name": "Mean"}, "seed": 5},
        {"inputs": {"numbers": {"bins": 4}}, "targets": {"p": {"column": "price"}}},
        {"balancing": {"name": "Sum", "weights": {"price": 2.0}}, "valid": 0.3, "width": None},
    ],
)
def test_a_runs_config_makes_the_same_run(choices):
    first = made(**choices).fit(homes())
    Config.of(first.config)
    again = Learner.from_config(first.config).fit(homes())
    assert again.predict(homes()) == first.predict(homes())
    assert again.config == first.config
    for one, two in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, two)


def test_an_input_that_bears_the_name_of_a_left_out_column_is_in_the_config():
    inputs = {"age": {"type": "Numeric", "columns": ["size"]}}
    first = made(inputs=inputs).fit(homes())
    assert first.config["inputs"]["age"]["type"] == "Numeric"
    assert Learner.from_config(first.config).fit(homes()).predict(homes()) == first.predict(homes())


def test_the_row_of_a_wrong_label_is_that_of_the_users_table():
    shares = [[0.5, 0.5]] * ROWS
    for row in (0, 17, 39):
        table = homes() | {"mood": [*shares[:row], [1.5, -0.5], *shares[row + 1 :]]}
        with pytest.raises(DataError, match=rf"Row {row} \(counted from 0\) has a negative"):
            made({"mood": Multiclass()}).fit(table)


def test_the_row_of_a_loss_that_is_not_finite_is_that_of_the_users_table():
    class Spoiled(Regression):
        def pack(self, table):
            packed = super().pack(table)
            packed.cells.values[packed.cells.values.argmax()] = math.inf
            return packed

    worst = int(np.argmax([p or 0 for p in homes()["price"]]))
    for seed in range(4):
        if worst in held(seed):
            continue
        with pytest.raises(NonFiniteError, match=rf"1 rows of the training table: \[{worst}\]"):
            made({"price": Spoiled()}, seed=seed).fit(homes())


def held(seed: int) -> list[int]:
    return np.random.default_rng(seed).permutation(ROWS)[:4].tolist()


def test_random_numbers_of_the_user_are_left_alone():
    before = torch.get_rng_state()
    made().fit(homes())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_table_of_ours_is_taken_too(learner):
    found = learner.predict(Table.of(homes()))
    assert found == learner.predict(homes())
