import itertools

import pytest
import torch

from plait import Model, Schema
from plait.pretraining import InfoNCE, SigLIP
from plait.training import Callback, Pretraining, pretrain

from .pretrain_kit import QUICK, fitted, model_of, pairs, weights

STAGE = Pretraining(epochs=30, batch_size=64)


@pytest.fixture
def schema():
    return fitted()


def same(one, other) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


@torch.no_grad()
def found(model, inputs) -> float:
    """How often the tokens of one side lie nearest to those of their own row, after a fit line."""
    tokens = model.encode(inputs)
    there = tokens["one"].present & tokens["two"].present
    a, b = (tokens[name].values[there].mean(1) for name in ("one", "two"))
    half = len(a) // 2
    a, b = a - a[:half].mean(0), b - b[:half].mean(0)
    line = torch.linalg.lstsq(a[:half], b[:half]).solution
    guessed = torch.nn.functional.normalize(a[half:] @ line, dim=1)
    nearest = (guessed @ torch.nn.functional.normalize(b[half:], dim=1).T).argmax(1)
    return float((nearest == torch.arange(len(nearest))).float().mean())


@pytest.mark.parametrize("loss", [InfoNCE, SigLIP])
def test_inputs_of_a_row_find_each_other_afterwards(schema, loss):
    model, pack = model_of(schema), schema.pack(pairs())
    strangers = schema.pack(pairs(seed=0))[torch.arange(192)].inputs
    before = found(model, strangers)
    losses = pretrain(schema, model, pack, loss(), QUICK, STAGE)
    assert len(losses) == 30
    assert losses[-1] < 0.7 * losses[0]
    assert found(model, strangers) > max(0.3, before)  # by chance it is 0.01


def test_who_looks_on_is_told_of_each_epoch(schema):
    class Watch(Callback):
        def __init__(self) -> None:
            self.seen = []

        def on_pretraining(self, epoch, epochs, loss):
            self.seen.append((epoch, epochs, loss))

    watch, stage = Watch(), Pretraining(epochs=2)
    model, pack = model_of(schema), schema.pack(pairs())
    losses = pretrain(schema, model, pack, InfoNCE(), QUICK, stage, callbacks=[watch, Callback()])
    assert watch.seen == [(1, 2, losses[0]), (2, 2, losses[1])]


def test_the_encoders_of_the_sides_are_trained_and_nothing_else(schema):
    model, pack = model_of(schema), schema.pack(pairs())
    before = weights(model)
    sides = (("one",), ("two",))
    pretrain(schema, model, pack, InfoNCE(), QUICK, Pretraining(epochs=1, sides=sides))
    changed = {
        ".".join(name.split(".")[:2])
        for name, value in model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    places = {f"encoders.{model.inputs.index(name)}" for name in ("one", "two")}
    assert changed == places
    assert not model.training
    assert all(weight.grad is None for weight in model.parameters())


def test_a_seed_makes_the_same_weights_and_another_does_not(schema):
    pack, made = schema.pack(pairs()), []
    for seed in (3, 3, 4):
        model = model_of(schema)
        pretrain(schema, model, pack, InfoNCE(), QUICK, Pretraining(epochs=2), seed=seed)
        torch.rand(5)
        made.append(weights(model))
    assert same(made[0], made[1])
    assert not same(made[0], made[2])


def test_the_random_numbers_of_the_caller_are_left_alone(schema):
    pack, model = schema.pack(pairs()), model_of(schema)
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    pretrain(schema, model, pack, InfoNCE(), QUICK, Pretraining(epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_labels_have_no_say(schema):
    with_labels, without = schema.pack(pairs()), schema.pack({**pairs(), "y": [None] * 192})
    models = [model_of(schema), model_of(schema)]
    for model, pack in zip(models, (with_labels, without), strict=True):
        pretrain(schema, model, pack, InfoNCE(), QUICK, Pretraining(epochs=2))
    assert same(*map(weights, models))


@pytest.mark.parametrize(
    "other",
    [
        {"epochs": 3},
        {"batch_size": 32},
        {"learning_rate": 1e-4},
        {"size": 3},
        {"sides": (("one", "size"), ("two",))},
    ],
)
def test_each_option_changes_what_is_learned(schema, other):
    pack, made = schema.pack(pairs()), []
    for options in ({}, other):
        model = model_of(schema)
        stage = Pretraining(**{"epochs": 2, **options})
        pretrain(schema, model, pack, InfoNCE(), QUICK, stage)
        made.append(weights(model))
    assert not same(*made)


def test_time_that_is_used_up_ends_it(schema):
    pack, model = schema.pack(pairs()), model_of(schema)
    losses = pretrain(schema, model, pack, InfoNCE(), QUICK, Pretraining(epochs=1000), budget=1e-3)
    assert len(losses) == 1


def test_its_share_of_the_time_is_all_that_it_takes(schema, monkeypatch):
    pack, counts = schema.pack(pairs()), []
    for share in (0.2, 0.6):
        seconds = itertools.count()
        # It is asked within this turn of the loop only.
        monkeypatch.setattr("plait.training._pretrain.time.monotonic", lambda: next(seconds))  # noqa: B023
        stage = Pretraining(epochs=1000, share=share, batch_size=192)
        losses = pretrain(schema, model_of(schema), pack, InfoNCE(), QUICK, stage, budget=40.0)
        counts.append(len(losses))
    assert counts == [7, 23]  # a step a second, until 8 and 24 seconds are over


def test_an_input_that_the_model_does_not_look_at_is_on_no_side(schema):
    model, pack = Model(schema, 16, view=("one", "size")), schema.pack(pairs())
    before = weights(model.encoders[model.inputs.index("two")])
    assert pretrain(schema, model, pack, InfoNCE(), QUICK, Pretraining(epochs=1))
    assert same(before, weights(model.encoders[model.inputs.index("two")]))
    alone = Model(schema, 16, view=("one",))
    with pytest.raises(ValueError, match=r"at least two sides.*Found \[\['one'\]\]"):
        pretrain(schema, alone, pack, InfoNCE(), QUICK)


def test_strange_sides_and_single_ones_are_refused(schema):
    pack, model = schema.pack(pairs()), model_of(schema)
    with pytest.raises(ValueError, match=r"Found \['ones'\]. Did you mean 'one'"):
        pretrain(schema, model, pack, InfoNCE(), QUICK, Pretraining(sides=(("ones",), ("two",))))
    table = {"size": [n / 3 for n in range(30)], "y": [n / 7 for n in range(30)]}
    fitted = Schema.infer(table, ["y"]).fit(table)
    with pytest.raises(ValueError, match=r"at least two sides.*Found \[\['size'\]\]"):
        pretrain(fitted, model_of(fitted), fitted.pack(table), InfoNCE(), QUICK)


def test_an_infinite_cell_is_an_error_and_no_step(schema):
    pack, model = schema.pack(pairs()), model_of(schema)
    pack.inputs["one"].values[0] = torch.inf
    before = weights(model)
    with pytest.raises(ArithmeticError, match="loss of pre-training"):
        pretrain(schema, model, pack, InfoNCE(), QUICK, Pretraining(epochs=1))
    assert same(before, weights(model))
