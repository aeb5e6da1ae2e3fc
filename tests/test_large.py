"""From a file to answers, larger than memory and a second time."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from plait import Config, ConfigError, Learner, Training, _fit
from plait.training import Trainer

QUICK = Training(epochs=2, batch_size=64, device="cpu")


@pytest.fixture
def homes(tmp_path):
    draw = np.random.default_rng(0)
    size = draw.normal(size=3_000)
    # Sorted by what is to be learned, as files often are.
    order = np.argsort(size)
    table = {
        "size": size[order],
        "city": draw.choice(["Ulm", "Bonn"], 3_000),
        "price": 3 * size[order],
    }
    parquet.write_table(pa.table(table), tmp_path / "homes.parquet", row_group_size=250)
    return tmp_path / "homes.parquet"


def learner(**said) -> Learner:
    return Learner({"price": "regression"}, training=QUICK, width=16, **said)


def test_a_sorted_table_larger_than_memory_is_learned_as_well(homes):
    whole = learner(cache=False).fit(homes)
    parts = learner(cache=False, memory=20_000).fit(homes)
    assert whole.rows == parts.rows == 2_700
    assert whole.rows_held_back == parts.rows_held_back == 300
    assert parts.history.epochs[-1].score > whole.history.epochs[-1].score - 0.05
    assert parts.history.epochs[-1].score > 0.8


def test_the_second_fit_is_the_same_to_the_last_bit(homes, tmp_path):
    for memory in (0.25, 20_000):
        made = [learner(cache=str(tmp_path / "c"), memory=memory).fit(homes) for _ in range(2)]
        first, second = (each.history.epochs[-1] for each in made)
        assert first.losses == second.losses
        assert first.scores == second.scores
        assert list(map(str, made[0].notes)) == list(map(str, made[1].notes))


def test_a_window_is_as_large_as_the_memory_allows(homes, monkeypatch):
    seen = {}

    def watch(self, model, train, valid=None, balancer=None, modality=None):
        seen.update(window=self.window, nbytes=train.nbytes / len(train))
        raise InterruptedError

    monkeypatch.setattr(Trainer, "fit", watch)
    with pytest.raises(InterruptedError):
        learner(cache=False, memory=20_000).fit(homes)
    assert 0.9 * 5_000 < seen["window"] * seen["nbytes"] <= 5_000
    with pytest.raises(InterruptedError):
        learner(cache=False).fit(homes)
    assert seen["window"] is None


def test_answers_come_part_by_part_and_in_order(homes, monkeypatch):
    done = learner(cache=False).fit(homes)
    whole = done.predict(homes)
    monkeypatch.setattr("plait._answer.CHUNK", 700)
    parts = list(done.stream(homes, keep=["size"]))
    assert [part.num_rows for part in parts] == [700, 700, 700, 700, 200]
    joined = pa.concat_tables(parts)
    assert joined["size"].equals(parquet.read_table(homes)["size"])
    assert joined["price"].to_pylist() == pytest.approx(whole["price"].to_pylist(), abs=1e-5)


@pytest.mark.parametrize(
    "tree", [{"memory": 0}, {"memory": 8}, {"cache": 3}, {"cache": "off"}, {"cash": True}]
)
def test_a_wrong_choice_is_told(tree):
    with pytest.raises(ConfigError, match="data"):
        Config.of({"targets": ["y"], "data": tree})


def test_the_choices_are_part_of_the_run(homes):
    done = learner(cache=False, memory=0.5, valid=0.2).fit(homes)
    assert done.config["data"] == {"valid": 0.2, "cache": False, "memory": 0.5}
    assert Learner.from_config(done.config).memory == 0.5


def test_the_size_that_was_measured_is_part_of_the_run(homes, monkeypatch):
    monkeypatch.setattr(_fit, "measured", lambda schema, model, pack, settings: QUICK)
    training = Training(epochs=1, batch_size="auto", device="cpu")
    done = Learner(["price"], training=training, width=8, cache=False).fit(homes)
    assert done.config["training"]["batch_size"] == 64
