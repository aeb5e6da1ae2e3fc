"""What is done on a cluster, without one."""

import json
import os
import re
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import plait
from plait import ConfigError, DataError, Learner, PlaceError, Training, clusters, load
from plait._order import choices
from plait.clusters._answerer import Answerer
from plait.clusters._fit import _refuse
from plait.clusters._ledger import Ledger
from plait.clusters._ray import needed, running
from plait.clusters._work import REFUSED, work
from plait.training._world import LostError

TABLE = pa.table({"x": [float(n % 13) for n in range(80)], "y": [float(n % 7) for n in range(80)]})


def learner(*targets: str) -> Learner:
    return Learner(targets or ["y"], width=8, training=Training(epochs=1, device="cpu"))


def order(folder, *targets: str) -> dict:
    parquet.write_table(TABLE, folder / "table.parquet")
    (folder / "notes").mkdir(exist_ok=True)
    return {"choices": json.loads(json.dumps(choices(*learner(*targets)._told))),
            "data": [str(folder / "table.parquet")], "valid": None, "root": None,
            "storage": str(folder / "run"), "notes": str(folder / "notes")}  # fmt: skip


def test_the_first_process_saves_what_one_would_have(tmp_path):
    work(order(tmp_path))
    assert load(tmp_path / "run").predict(TABLE) == learner().fit(TABLE).predict(TABLE)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_what_is_refused_is_noted_and_not_tried_again(tmp_path):
    work(order(tmp_path, "w"))
    kind, text = json.loads((tmp_path / "notes" / REFUSED).read_text())
    assert kind == "DataError"
    assert "'w'" in text
    work({**order(tmp_path), "data": ["nowhere.csv"]})
    assert not (tmp_path / "run").exists()
    with pytest.raises(DataError, match="'w'"):
        _refuse(tmp_path / "notes" / REFUSED)


def test_one_that_is_left_alone_is_started_again_but_for_a_refusal(tmp_path, monkeypatch):
    told = order(tmp_path)
    refused = tmp_path / "notes" / REFUSED

    def alone(*_, **__):
        raise LostError

    def refused_elsewhere(*_, **__):
        refused.write_text('["DataError", "no"]')
        raise LostError

    monkeypatch.setattr(Learner, "fit", alone)
    with pytest.raises(RuntimeError, match="or by Ray"):
        work(told)
    monkeypatch.setattr(Learner, "fit", refused_elsewhere)
    work(told)


def test_answers_and_what_was_met(tmp_path):
    run = learner().fit(TABLE).save(tmp_path / "run")
    ledger = Ledger()

    class Remote:
        class add:  # noqa: N801 (as Ray calls a method of an actor)
            remote = staticmethod(ledger.add)

    answerer = Answerer(str(run), ["x"], None, Remote)
    rows = pa.table({"x": [1.0, None, 99.0]})
    assert answerer(rows).equals(load(run).predict(rows, keep=["x"]))
    answerer(rows)
    assert ("x", "missing", 2, ()) in ledger.found()
    with pytest.raises(RuntimeError, match="no column 'x'"):
        answerer(pa.table({"w": [1.0]}))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"workers": 0}, "`workers` should be"), ({"restarts": -1}, "`restarts` should be"),
     ({"cpus": True}, "`cpus` should be")],
)  # fmt: skip
def test_numbers_that_cannot_be(wrong, told, tmp_path):
    options = {"workers": 2, "storage": tmp_path / "run", **wrong}
    with pytest.raises(ConfigError, match=told):
        clusters.fit(learner(), "table.csv", **options)
    with pytest.raises(ConfigError, match="`workers` should be"):
        clusters.predict(tmp_path, "table.csv", tmp_path / "out", workers=0)


def test_rows_in_memory_are_not_sent(tmp_path):
    with pytest.raises(DataError, match=r"`data` should be a file.*'Table'"):
        clusters.fit(learner(), TABLE, workers=2, storage=tmp_path / "run")


def test_nothing_is_overwritten(tmp_path):
    run = learner().fit(TABLE).save(tmp_path / "run")
    parquet.write_table(TABLE, tmp_path / "table.parquet")
    with pytest.raises(PlaceError, match="already"):
        clusters.fit(learner(), tmp_path / "table.parquet", workers=2, storage=run)
    with pytest.raises(PlaceError, match="not there yet"):
        clusters.predict(run, tmp_path / "table.parquet", run)


def test_without_ray_the_extra_is_named():
    with pytest.raises(ConfigError, match=r"pip install 'plait\[ray\]'"):
        needed("ray_that_is_not_there")


def test_a_cluster_of_our_own_is_quiet_and_ends(monkeypatch):
    told = []

    class Ray:
        is_initialized = staticmethod(lambda: False)

        def init(self, **options) -> None:
            told.append((options, os.environ["RAY_USAGE_STATS_ENABLED"]))

        def shutdown(self) -> None:
            told.append("over")

    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    monkeypatch.setattr("plait.clusters._ray.needed", lambda: Ray())
    with running() as ray:
        assert isinstance(ray, Ray)
    (options, reports), over = told
    assert (options["include_dashboard"], reports, over) == (False, "0", "over")
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ

    def unreachable(self, **_) -> None:
        raise ConnectionError("Failed to connect.")

    monkeypatch.setattr(Ray, "init", unreachable)
    with pytest.raises(ConfigError, match=r"Failed to connect\. Call `ray.init"), running():
        pass


def test_a_cluster_that_is_there_is_used_as_it_is(monkeypatch):
    class Ray:
        is_initialized = staticmethod(lambda: True)

    monkeypatch.setattr("plait.clusters._ray.needed", lambda: Ray)
    with running() as ray:
        assert ray is Ray  # which has nothing to start and nothing to end


def test_only_those_who_ask_for_a_cluster_import_ray():
    root = Path(plait.__file__).parent
    texts = {path: path.read_text(encoding="utf-8") for path in root.rglob("*.py")}
    wrong = re.compile(r"^\s*(import|from) ray\b", re.MULTILINE)
    assert not [path for path, text in texts.items() if wrong.search(text)]
    asks = [path.name for path, text in texts.items() if 'needed("ray' in text]
    assert sorted(asks) == ["_fit.py", "_predict.py"]
