"""Promise 22: the same rows give the same answers, whoever holds them."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import plait
from plait import Learner, Training

ROWS = 60
DRAW = np.random.default_rng(0)
PLAIN: dict[str, list] = {
    "size": [float(x) if n % 7 else None for n, x in enumerate(DRAW.normal(size=ROWS))],
    "rooms": [int(x) if n % 11 else None for n, x in enumerate(DRAW.integers(1, 9, ROWS))],
    "floor": DRAW.integers(-1, 5, ROWS).tolist(),
    "lift": [bool(n % 3) for n in range(ROWS)],
    "city": [("Ulm", "Bonn", None, "Köln")[n % 4] for n in range(ROWS)],
    "note": [f"a flat with {n} windows near the lake" if n % 5 else "" for n in range(ROWS)],
    "built": [dt.datetime(2001 + n % 20, 1 + n % 12, 3) for n in range(ROWS)],
    "clip": [[float(n), float(n % 7), 1.0] for n in range(ROWS)],
    "price": [float(x) for x in DRAW.normal(size=ROWS)],
    "sold": [("no", "yes")[n % 2] for n in range(ROWS)],
}
ARROW = pa.table(PLAIN)


def of_pandas() -> Any:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    return pandas.DataFrame(PLAIN)


def of_pandas_by_arrow() -> Any:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    return ARROW.to_pandas(types_mapper=pandas.ArrowDtype)


def of_pandas_with_categories() -> Any:
    frame = of_pandas()
    return frame.assign(city=frame["city"].astype("category"), rooms=frame["rooms"].astype("Int64"))


def of_polars() -> Any:
    return pytest.importorskip("polars", reason="polars is not installed").DataFrame(PLAIN)


def of_polars_lazy_categories() -> Any:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    return of_polars().with_columns(polars.col("city").cast(polars.Categorical))


def of_duckdb() -> Any:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    base = duckdb.connect()
    base.register("homes", ARROW)
    return base.sql("select * from homes")


HOLDERS: dict[str, Callable[[], Any]] = {
    "pandas": of_pandas,
    "pandas by Arrow": of_pandas_by_arrow,
    "pandas with categories": of_pandas_with_categories,
    "polars": of_polars,
    "polars with categories": of_polars_lazy_categories,
    "pyarrow": lambda: ARROW,
    "pyarrow in chunks": lambda: pa.concat_tables([ARROW.slice(0, 7), ARROW.slice(7)]),
    "a reader of pyarrow": lambda: ARROW.to_reader(),
    "duckdb": of_duckdb,
    "a dict of lists": lambda: PLAIN,
    "a dict of arrays": lambda: {**PLAIN, "floor": np.array(PLAIN["floor"])},
}


def learned(table: Any) -> Learner:
    return Learner(
        ["price", "sold"], width=8, training=Training(epochs=2, device="cpu"), cache=False
    ).fit(table)


def answers(learner: Learner, table: Any) -> dict[str, list]:
    return plait.Table.of(learner.predict(table)).arrow.to_pydict()


@pytest.fixture(scope="module")
def learner() -> Learner:
    return learned(PLAIN)


@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
def test_answers_do_not_depend_on_who_holds_the_table(learner, holder):
    assert answers(learner, holder()) == answers(learner, ARROW)


@pytest.mark.parametrize(
    "holder", [of_pandas, of_polars, of_duckdb], ids=["pandas", "polars", "duckdb"]
)
def test_nor_does_what_is_learned(learner, holder):
    again = learned(holder())
    assert again.schema == learner.schema
    assert answers(again, ARROW) == answers(learner, ARROW)


@pytest.mark.parametrize("holder", [of_pandas, of_polars], ids=["pandas", "polars"])
def test_what_is_inspected_is_the_same(holder):
    wanted = plait.inspect(ARROW, ["price", "sold"])
    assert plait.inspect(holder(), ["price", "sold"]).to_dict() == wanted.to_dict()
