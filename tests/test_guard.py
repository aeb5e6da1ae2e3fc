"""All inputs together should be as good as the best of them alone, or it is said."""

import json
from pathlib import Path

import pytest
import torch

from plait import ConfigError, Learner, Training, load

ROWS = 240
GENERATOR = torch.Generator().manual_seed(0)
NOISE = torch.randn(ROWS, 40, generator=GENERATOR).tolist()
SIGNAL = torch.randn(ROWS, generator=GENERATOR).tolist()
TABLE = {"size": SIGNAL, "junk": NOISE, "price": [3 * each for each in SIGNAL]}
INPUTS = {"size": "Numeric", "junk": "Vector"}


def learner(**training) -> Learner:
    settings = Training(**{"epochs": 8, "device": "cpu", **training})
    return Learner(["price"], INPUTS, width=16, training=settings, valid=0.4)


def test_a_model_of_each_input_is_tried_and_the_better_one_kept():
    told = learner(guard="models").fit(TABLE)
    history = told.history
    assert set(history.alone) == {"size", "junk"}
    assert (
        history.alone["size"]["price"] > history.together["price"] > history.alone["junk"]["price"]
    )
    assert history.kept is None
    assert "The input 'size' alone scores" in history.verdict
    assert "allow it with `training.fall_back`" in history.verdict
    assert told.model.view == told.model.inputs
    kept = learner(guard="models", fall_back=True).fit(TABLE)
    assert kept.history.kept == "size"
    assert "it alone is kept" in kept.history.verdict
    assert kept.model.view == ("size",)
    assert kept.history.together == history.together
    score = kept.evaluate(TABLE)["price"]["r2"]
    assert score > told.evaluate(TABLE)["price"]["r2"]
    assert kept.predict(TABLE) == kept.predict({**TABLE, "junk": [None] * ROWS})


def test_a_model_of_one_input_is_saved_as_such(tmp_path):
    kept = learner(guard="models", fall_back=True).fit(TABLE)
    found = load(kept.save(tmp_path / "m"))
    assert found.model.view == ("size",)
    assert found.predict(TABLE) == kept.predict(TABLE)
    config = json.loads(Path(tmp_path / "m" / "config.json").read_text())
    assert config["model"] == {"width": 16, "view": None, "kept": "size"}
    *epochs, told = map(json.loads, Path(tmp_path / "m" / "log.jsonl").read_text().splitlines())
    assert [each["epoch"] for each in epochs] == list(range(1, len(kept.history.epochs) + 1))
    assert told == {
        "stage": "guard",
        "together": kept.history.together,
        "alone": kept.history.alone,
        "kept": "size",
        "verdict": kept.history.verdict,
    }
    again = Learner.from_config(config).fit(TABLE)  # the same run, and not one of a single input
    assert again.history.kept == "size"
    assert again.predict(TABLE) == kept.predict(TABLE)


def test_the_trained_model_is_asked_with_the_others_hidden():
    asked = learner(guard="views").fit(TABLE)
    hidden = {name: [None] * ROWS for name in INPUTS}
    both = learner(guard="off").fit(TABLE)
    assert both.history.alone == {}
    assert both.history.verdict == ""
    assert asked.predict(TABLE) == both.predict(TABLE)  # asking changes nothing
    assert set(asked.history.alone) == {"size", "junk"}
    assert asked.model.view == asked.model.inputs
    score = asked.evaluate({**TABLE, "junk": hidden["junk"]})["price"]["r2"]
    # Not the same rows, but the same question.
    assert asked.history.alone["size"]["price"] == pytest.approx(score, abs=0.1)


def test_a_view_may_be_chosen_from_the_start():
    one = Learner(["price"], INPUTS, width=16, view=("size",), training=Training(epochs=2))
    assert one.fit(TABLE).model.view == ("size",)
    assert one.history.alone == {}
    other = {**TABLE, "junk": [[9.0] * 40] * ROWS}
    assert one.predict(TABLE) == one.predict(other)
    with pytest.raises(ConfigError, match=r"Found \['sise'\]"):
        Learner(["price"], INPUTS, view=("sise",), training=Training(epochs=1)).fit(TABLE)


def test_inputs_that_help_each_other_are_left_in_peace():
    table = {
        "a": SIGNAL,
        "b": [row[0] for row in NOISE],
        "price": [x + y[0] for x, y in zip(SIGNAL, NOISE, strict=True)],
    }
    settings = Training(epochs=30, device="cpu", guard="models", fall_back=True)
    inputs = {"a": {"type": "Numeric", "columns": ["a"]}, "b": {"type": "Vector"}}
    table["b"] = [[each] for each in table["b"]]
    found = Learner(["price"], inputs, width=16, training=settings, valid=0.4).fit(table)
    assert found.history.verdict == ""
    assert found.model.view == ("b", "a") or found.model.view == ("a", "b")


def test_models_of_one_input_begin_where_pretraining_ended(monkeypatch):
    begun = {}

    def watched(trainer, build, model, history, train, valid):
        begun.update({name: build((name,))[0].encoders.state_dict() for name in model.view})
        return model, history

    monkeypatch.setattr("plait._fit.guarded", watched)
    settings = Training(epochs=1, device="cpu", guard="models", learning_rate=1e-9)
    stage = {"name": "InfoNCE", "epochs": 2, "learning_rate": 0.01}
    parts = {"inputs": INPUTS, "width": 16, "training": settings, "valid": 0.4}
    found = Learner(["price"], **parts, pretraining=stage).fit(TABLE).model.encoders.state_dict()
    for state in begun.values():  # training itself hardly moved anything
        assert all(torch.allclose(state[name], each, atol=1e-4) for name, each in found.items())
    plain = Learner(["price"], **parts).fit(TABLE).model.encoders.state_dict()
    assert not all(torch.allclose(plain[name], each, atol=1e-4) for name, each in found.items())
