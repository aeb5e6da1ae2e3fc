import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from plait import ConfigError, NonFiniteError, Trainer
from plait.balancing import Sum
from plait.data import Masked, Pack
from plait.training import Callback, Training, _state, outputs, steps

QUICK = Training(epochs=3, batch_size=16, learning_rate=5e-3, device="cpu")


def some(pack: Pack, rows: range) -> Pack:
    places = torch.arange(rows.start, rows.stop)
    return Pack(
        len(places),
        {name: cells.take(places) for name, cells in pack.inputs.items()},
        {name: labels.take(places) for name, labels in pack.targets.items()},
    )


def fit(kit, *, settings=QUICK, valid: Pack | None = None, model=None, train=None, **choices):
    model = kit.model(dropout=0.2) if model is None else model
    history = Trainer(kit.schema, settings, **choices).fit(model, train or kit.pack, valid)
    return model, history


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def bare(history) -> list:
    drop = {"seconds", "rows_per_second"}
    return [{k: v for k, v in e.to_dict().items() if k not in drop} for e in history.epochs]


def test_the_same_seed_gives_the_same_bits_and_another_does_not(words):
    one, first = fit(words, valid=words.pack)
    torch.manual_seed(99)
    two, second = fit(words, valid=words.pack)
    three, _ = fit(words, valid=words.pack, seed=1)
    assert torch.equal(weights(one), weights(two))
    assert bare(first) == bare(second)
    assert not torch.equal(weights(one), weights(three))


def test_the_random_numbers_of_the_user_are_left_alone(kit):
    # Python's own are not looked at: the type checks of the tests draw from them.
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    fit(kit, valid=kit.pack)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]


HASHED = """
import hashlib, torch, plait
rows = 40
table = {"a": [n % 7 for n in range(rows)], "city": ["Ulm", "Bonn", "Kiel", "Bern"] * 10,
    "note": [f"a {('red', 'blue', 'green')[n % 3]} bag of {n % 11} things" for n in range(rows)],
    "y": [float(n % 5) for n in range(rows)], "z": ["no", "yes"] * 20}
learner = plait.Learner(["y", "z"], {"note": "text"}, width=8,
    training=plait.Training(epochs=2, batch_size=16, device="cpu")).fit(table)
bits = b"".join(v.numpy().tobytes() for v in learner.model.state_dict().values())
print(hashlib.sha256(bits).hexdigest())
"""


def test_the_hash_of_words_changes_nothing(capsys):
    env = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-c", HASHED]
    done = subprocess.run(run, env=env, capture_output=True, text=True, timeout=200, check=True)
    exec(HASHED, {})
    assert capsys.readouterr().out == done.stdout


def test_the_best_averaged_weights_are_left_in_the_model(kit):
    train, valid = some(kit.pack, range(40)), some(kit.pack, range(40, 60))
    settings = replace(QUICK, epochs=8, learning_rate=0.2, patience=8)
    model, history = fit(kit, settings=settings, train=train, valid=valid)
    assert not model.training
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    raw = outputs(model, valid)
    best = history.epochs[history.best - 1]
    for name, labels in valid.targets.items():
        assert kit.schema.tasks[name].score(raw[name], labels) == pytest.approx(best.scores[name])
    scores = [epoch.score for epoch in history.epochs]
    assert len(set(scores)) > 1
    assert scores[history.best - 1] == max(scores)  # with 8 epochs the window is one
    assert [e.epoch for e in history.epochs if e.best][-1] == history.best
    assert best.score == pytest.approx(sum(best.scores.values()) / 3)


def test_the_average_is_the_written_out_one(kit):
    seen = []

    model = kit.model()

    class Watch(Callback):
        def on_step(self, step, steps):
            seen.append([p.detach().clone() for p in model.parameters()])

    settings = replace(QUICK, average=0.6, epochs=2)
    Trainer(kit.schema, settings, callbacks=[Watch()]).fit(model, kit.pack)
    mean = seen[0]
    for count, current in enumerate(seen[1:], 1):
        keep = min(0.6, (1 + count) / (10 + count))
        mean = [keep * m + (1 - keep) * c for m, c in zip(mean, current, strict=True)]
    for ours, theirs in zip(mean, model.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_without_an_average_the_last_weights_are_kept(kit):
    last = []
    model = kit.model()

    class Watch(Callback):
        def on_step(self, step, steps):
            last[:] = [weights(model).clone()]

    fit(kit, model=model, settings=replace(QUICK, average=0.0), callbacks=[Watch()])
    assert torch.equal(last[0], weights(model))


def test_without_validation_rows_the_last_epoch_is_kept(kit):
    _, history = fit(kit)
    assert (history.best, history.stopped) == (3, "done")
    assert all(epoch.score is None and epoch.scores == {} for epoch in history.epochs)


def test_a_task_without_labels_in_the_validation_rows_has_no_score(kit):
    _, history = fit(kit, valid=some(kit.pack, range(15)))  # where nothing is said of `sold`
    assert set(history.epochs[0].scores) == {"price", "view"}
    empty = {
        name: Masked(labels.values, torch.zeros_like(labels.mask))
        for name, labels in kit.pack.targets.items()
    }
    _, history = fit(kit, valid=Pack(60, kit.pack.inputs, empty))
    assert history.best == 3


class Falling(Trainer):
    """Scores that fall from epoch to epoch."""

    def _scores(self, state, valid):
        return {"price": -float(state.averaged.n_averaged)}


def test_patience_ends_a_training_that_gets_worse(kit):
    settings = replace(QUICK, epochs=9, patience=2)
    history = Falling(kit.schema, settings).fit(kit.model(), kit.pack, kit.pack)
    assert (len(history.epochs), history.best, history.stopped) == (3, 1, "patience")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


def test_the_budget_ends_a_training_and_the_rate_falls_with_it(kit, monkeypatch):
    monkeypatch.setattr(_state, "time", Clock())
    seen = []

    class Watch(Callback):
        def on_step(self, step, steps):
            seen.append(step)

    settings = replace(QUICK, epochs=1000)
    _, history = fit(kit, settings=settings, budget=12.0, callbacks=[Watch()])
    assert history.stopped == "budget"
    assert 0 < len(seen) < 14
    assert history.epochs[-1].learning_rate < 0.3 * history.epochs[0].learning_rate


def test_rows_that_the_budget_cut_off_are_not_counted_as_done(kit, monkeypatch):
    monkeypatch.setattr(_state, "time", Clock())
    _, history = fit(kit, budget=2.0)
    (epoch,) = history.epochs
    # One step of 15 rows, with the clock read at its beginning, in it, and at its end.
    assert epoch.rows_per_second <= 15
    assert history.stopped == "budget"


class Diary(Callback):
    def __init__(self, stop_after: int | None = None) -> None:
        self.events, self.stop_after = [], stop_after

    def on_start(self, epochs):
        self.events.append(f"start {epochs}")

    def on_step(self, step, steps):
        self.events.append(f"step {step}/{steps}")

    def on_epoch(self, epoch):
        self.events.append(f"epoch {epoch.epoch}/{epoch.epochs}")
        return epoch.epoch == self.stop_after

    def on_end(self, history):
        self.events.append(f"end {history.stopped}")


def test_callbacks_are_told_every_event_in_order(kit):
    one, two = Diary(stop_after=2), Diary()
    model, history = fit(kit, callbacks=[one, two], settings=replace(QUICK, batch_size=30))
    each = ["step 1/2", "step 2/2"]
    told = ["start 3", *each, "epoch 1/3", *each, "epoch 2/3", "end asked"]
    assert one.events == two.events == told
    assert (history.stopped, history.best) == ("asked", 2)
    assert not model.training


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_few_rows_and_a_larger_batch(kit, rows):
    settings = replace(QUICK, batch_size=4096)
    _, history = fit(kit, settings=settings, train=some(kit.pack, range(30, 30 + rows)))
    assert len(history.epochs) == 3


@pytest.mark.parametrize("device", ["nope", "cuda", "cuda:7"])
def test_a_device_that_is_not_there_is_told(kit, device):
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match=rf"`device` should be .* Got '{device}'"):
        fit(kit, settings=replace(QUICK, device=device, precision="float32"))


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_half_precision_is_close(kit, device):
    _, full = fit(kit, valid=kit.pack, settings=replace(QUICK, precision="float32"))
    half = replace(QUICK, precision="bfloat16", device=device)
    _, short = fit(kit, valid=kit.pack, settings=half)
    assert full.epochs[-1].losses == pytest.approx(short.epochs[-1].losses, rel=0.1)
    assert full.epochs[-1].losses != short.epochs[-1].losses


def test_a_loss_that_is_not_finite_names_the_rows_of_the_users_table(kit):
    labels = kit.pack.targets["price"]
    place = int(labels.mask.nonzero()[0])
    values = labels.values.clone()
    values[place] = math.inf
    bad = Pack(60, kit.pack.inputs, {**kit.pack.targets, "price": Masked(values, labels.mask)})
    with pytest.raises(NonFiniteError, match=rf"1 rows of the training table: \[{place}\]"):
        fit(kit, train=bad)
    with pytest.raises(NonFiniteError, match=rf"1 rows of the training table: \[{place + 500}\]"):
        fit(kit, train=replace(bad, places=torch.arange(500, 560)))


def test_weights_that_ran_away_are_not_kept(kit):
    settings = replace(QUICK, batch_size=60, epochs=1, learning_rate=1e38, weight_decay=1e9)
    with pytest.raises(NonFiniteError, match="is not finite"):
        fit(kit, settings=settings)


def test_outputs_that_are_not_finite_are_not_scored(kit):
    class Loud(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = kit.model()

        def forward(self, inputs):
            raw = self.model(inputs)
            return raw if self.training else {**raw, "sold": raw["sold"] * math.nan}

    with pytest.raises(NonFiniteError, match=r"task 'sold' is not finite for 60 rows of the valid"):
        fit(kit, model=Loud(), valid=kit.pack)


def test_losses_are_means_over_the_steps_that_had_a_label(kit):
    losses = []

    class Spy(Sum):
        def weights(self, step):
            names = [self.tasks[place] for place in step.index]
            losses.append(dict(zip(names, step.losses.tolist(), strict=True)))
            return super().weights(step)

    model = kit.model()
    settings = replace(QUICK, epochs=1, batch_size=3)
    trainer = Trainer(kit.schema, settings)
    history = trainer.fit(model, kit.pack, None, Spy(model.tasks))
    for name, mean in history.epochs[0].losses.items():
        mine = [each[name] for each in losses if name in each]
        assert len(mine) <= len(losses) == len(list(steps(60, 3, 0, 0)))
        assert mean == pytest.approx(sum(mine) / len(mine), rel=1e-5)


def test_history_is_json(kit):
    _, history = fit(kit, valid=kit.pack)
    text = json.dumps(history.to_dict(), allow_nan=False)
    assert json.loads(text)["epochs"][1] == json.loads(json.dumps(history.epochs[1].to_dict()))
    assert json.loads(text)["stopped"] == "done"


ALTERNATIVES = {
    "epochs": 4,
    "batch_size": 20,
    "learning_rate": 1e-2,
    "weight_decay": 0.9,
    "warmup": 0.6,
    "clip": 0.01,
    "average": 0.5,
    "precision": "bfloat16",
}


@pytest.mark.parametrize("option", ALTERNATIVES)
def test_every_option_changes_the_weights(kit, option):
    settings = replace(QUICK, average=0.2, batch_size=12)
    one, _ = fit(kit, settings=settings)
    two, _ = fit(kit, settings=replace(settings, **{option: ALTERNATIVES[option]}))
    assert not torch.equal(weights(one), weights(two))
