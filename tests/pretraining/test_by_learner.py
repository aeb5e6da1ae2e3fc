"""The whole way: the option, what it changes, and what is kept of it."""

import json

import numpy as np
import pytest
import torch

from plait import Config, Learner, Text, Training, Vector, load
from plait.pretraining import InfoNCE

QUICK = Training(epochs=1, batch_size=32, device="cpu")
COLORS, THINGS = ["red", "blue", "green"], ["bag", "shoe", "hat"]


def shop(rows: int = 90) -> dict:
    """A text and a vector that tell the same, and few labels."""
    draw = np.random.default_rng(0)
    color, thing = draw.integers(0, 3, rows), draw.integers(0, 3, rows)
    clip = np.eye(3)[color] @ draw.normal(size=(3, 6)) + np.eye(3)[thing] @ draw.normal(size=(3, 6))
    return {
        "title": [f"a {COLORS[c]} {THINGS[t]}" for c, t in zip(color, thing, strict=True)],
        "clip": (clip + 0.1 * draw.normal(size=clip.shape)).tolist(),
        "thing": [THINGS[t] if n % 5 == 0 else None for n, t in enumerate(thing)],
    }


INPUTS = {"title": Text(), "clip": Vector()}


def fitted(**options) -> Learner:
    return Learner(["thing"], INPUTS, training=QUICK, cache=False, **options).fit(shop())


def same(one: Learner, other: Learner) -> bool:
    mine, theirs = one.model.state_dict(), other.model.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[n], theirs[n]) for n in mine)


def test_without_the_option_nothing_is_pretrained():
    learner = fitted()
    assert learner.history.pretraining == ()
    assert learner.config["pretraining"] is None


def test_the_option_changes_the_model_and_a_seed_repeats_it():
    choice = {"name": "InfoNCE", "epochs": 2}
    learner = fitted(pretraining=choice)
    assert not same(learner, fitted())
    assert same(learner, fitted(pretraining=choice))
    assert not same(learner, fitted(pretraining={**choice, "name": "SigLIP"}))
    assert not same(learner, fitted(pretraining={**choice, "temperature": 0.5}))
    assert not same(learner, fitted(pretraining={**choice, "epochs": 3}))


def test_a_class_does_what_its_name_does():
    assert same(
        fitted(pretraining={"name": InfoNCE, "epochs": 1}),
        fitted(pretraining={"name": "infonce", "epochs": 1}),
    )


def test_what_is_kept(tmp_path):
    learner = fitted(pretraining={"name": "InfoNCE", "epochs": 2, "temperature": 0.2})
    home = learner.save(tmp_path / "shop.plait")
    again = load(home)
    assert same(learner, again)
    told = json.loads((home / "config.json").read_text(encoding="utf-8"))
    assert told["pretraining"] == {"name": "InfoNCE", "epochs": 2, "temperature": 0.2}
    assert Config.of(told).pretraining == told["pretraining"]
    lines = [json.loads(line) for line in (home / "log.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines[:2]] == list(learner.history.pretraining)
    assert [line.get("epoch") for line in lines] == [1, 2, 1, None]
    assert lines[-1]["stage"] == "guard"
    some = {name: shop()[name][:4] for name in INPUTS}
    assert again.predict(some) == learner.predict(some)


def test_it_may_be_written_in_a_file_and_on_the_command_line():
    config = Config.read("{targets: thing, pretraining: {name: SigLIP, epochs: 5}}")
    assert Learner.from_config(config).pretraining == {"name": "SigLIP", "epochs": 5}
    config = Config().changed(["pretraining=InfoNCE", "pretraining.epochs=3"])
    assert config.pretraining == {"name": "InfoNCE", "epochs": 3}


@pytest.mark.parametrize(
    ("choice", "answer"),
    [
        (
            "InfoNEC",
            r"no Contrast called 'InfoNEC'.*Did you mean 'InfoNCE'.*Known: InfoNCE, SigLIP",
        ),
        ({"name": "InfoNCE", "heat": 1.0}, "options of InfoNCE do not fit: .*heat"),
        ({"name": "InfoNCE", "epochs": 0}, "'epochs' of the pretraining"),
        ({"name": "SigLIP", "scale": -1.0}, "`scale` should be above 0"),
        (torch.nn.Linear, "A Contrast should be chosen by its name"),
        (3, "A Contrast should be chosen by its name"),
    ],
)
def test_a_choice_that_means_nothing_is_refused_before_any_work(choice, answer):
    with pytest.raises(ValueError, match=answer):
        Learner(["thing"], pretraining=choice).fit("no such file")


def test_the_time_counts(monkeypatch):
    given = []

    def slow(*arguments, budget, **options):
        given.append(budget)
        return (1.0,)

    monkeypatch.setattr("plait._fit.pretrain", slow)
    fitted(pretraining="InfoNCE", budget="1h")
    assert 3000 < given[0] <= 3600
