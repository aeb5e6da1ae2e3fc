"""Views, guards and balancers of inputs where inputs, rows or parts of a batch are missing."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from plait import ConfigError, DataError, Image, Learner, Model, PlaitWarning, Schema, Training
from plait._assemble import described
from plait._config import Config
from plait.data import Batch
from plait.fusion import GMU, LateMean, LowRank
from plait.modality_balancing import OGMGE, Auxiliary, GradientBlending
from plait.training import augment
from plait.training._view_losses import counts_of, encoders_of, view_losses

ROWS = 48
TABLE = {
    "a": [[float(n % 5), 1.0] for n in range(ROWS)],
    "b": [("u", "v", "w")[n % 3] for n in range(ROWS)],
    "c": [[float(n % 2)] for n in range(ROWS)],
    "y": [float(n % 5 + n % 3) for n in range(ROWS)],
}
INPUTS = {"a": "Vector", "b": {"type": "Categorical", "columns": ["b"]}, "c": "Vector"}
SHORT = Training(epochs=2, device="cpu")


def learner(**options) -> Learner:
    return Learner(["y"], INPUTS, width=8, **{"training": SHORT, **options})


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema.infer(TABLE, ["y"], INPUTS).fit(TABLE)


def test_a_part_without_an_input_does_not_stop_the_others(schema):
    table = {**TABLE, "b": [None] * 24 + TABLE["b"][24:]}
    batch = schema.pack(table)[torch.arange(ROWS)]
    model, views = Model(schema, 8).eval(), OGMGE(tuple(schema.inputs), ("y",)).views
    counts = counts_of(batch, views)
    part = schema.pack(table)[torch.arange(24)]  # nobody has b here
    table_of = view_losses(schema, model(part.inputs, views=views), part, counts, trust=True)
    assert "y" in table_of.losses["b",]
    assert "y" not in table_of.trust["b",]
    factors = OGMGE(tuple(schema.inputs), ("y",)).coefficients(table_of.trust)
    assert all(0 < float(factor) <= 1 for factor in factors.values())
    assert "b" not in factors


def test_weights_are_found_by_the_models_own_order(schema):
    model = Model(schema, 8)
    found = encoders_of(model)
    for name, encoder in zip(model.inputs, model.encoders, strict=True):
        own = {id(each) for each in encoder.parameters()}
        assert own <= {id(each) for each in found[name]}
    shortcut = dict(zip(model.short, model.shortcuts, strict=True))["b"]
    assert {id(each) for each in shortcut.parameters()} <= {id(each) for each in found["b"]}


@pytest.mark.parametrize(
    "choice",
    [Auxiliary(["a"], ["y"]), GradientBlending(["a", "b", "c"], ["q"]), OGMGE(["z"], ["y"])],
)
def test_a_balancer_of_other_inputs_is_refused(choice):
    with pytest.raises(ConfigError, match="The modality balancing should be made for the inputs"):
        learner(modality_balancing=choice).fit(TABLE)


def test_a_balancer_goes_by_the_inputs_that_are_looked_at():
    one = learner(view=("a",), modality_balancing="OGMGE").fit(TABLE)
    plain = learner(view=("a",)).fit(TABLE)
    assert np.isfinite(list(one.evaluate(TABLE)["y"].values())).all()
    two = learner(view=("a", "b"), modality_balancing={"name": "Auxiliary", "weight": 1.0})
    assert two.fit(TABLE).predict(TABLE) != plain.predict(TABLE)


def test_the_only_input_that_is_looked_at_is_never_hidden():
    table = {"x": [float(n % 3) for n in range(20)], "y": [float(n) for n in range(20)]}
    schema = Schema.infer(table, ["y"]).fit(table)
    cells = schema.pack(table)[torch.arange(20)]
    photo = Image(columns=("p",))
    both = Schema({**schema.inputs, "p": photo}, schema.tasks)
    hidden = type(cells.inputs["x"])(torch.ones(20, 3, 8, 8), torch.ones(20).bool())
    batch = Batch({**cells.inputs, "p": hidden}, cells.targets, cells.rows)
    options = {"seed": 0, "epoch": 0, "input_dropout": 0.9}
    assert not augment(both, batch, **options).inputs["p"].mask.all()
    assert augment(both, batch, **options, view=("p",)).inputs["p"].mask.all()


def test_shortcuts_are_joined_like_the_answers_they_belong_to(schema):
    model = Model(schema, 8, fusion=LateMean).eval()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.5)
    assert model.short
    inputs = schema.pack(TABLE)[torch.arange(6)].inputs
    found = model(inputs, views=[("a",), ("b",), ("c",), model.inputs])
    alone = torch.stack([found[name,]["y"] for name in ("a", "b", "c")]).mean(0)
    assert torch.allclose(found[model.inputs]["y"], alone, atol=1e-5)


@pytest.mark.parametrize("fusion", [GMU, LowRank, LateMean])
def test_nothing_is_there_in_double_precision(schema, fusion):
    model = Model(schema, 8, fusion=fusion).double().eval()
    inputs = schema.pack({**TABLE, "a": [None] * ROWS})[torch.arange(6)].inputs
    assert model(inputs, views=[()])[()]["y"].dtype == torch.float64
    assert model(inputs)["y"].isfinite().all()


def test_who_goes_by_validation_rows_needs_some():
    with pytest.raises(ConfigError, match="GradientBlending should have validation rows"):
        learner(modality_balancing="GradientBlending", valid=0.0).fit(TABLE)
    longer = {"valid": 0.3, "training": Training(epochs=8, device="cpu")}
    blended = learner(modality_balancing={"name": "GradientBlending", "every": 1}, **longer)
    plain = learner(modality_balancing={"name": "Auxiliary", "weight": 1.0}, **longer)
    last = [each.fit(TABLE).history.epochs[-1].losses for each in (blended, plain)]
    assert last[0] != last[1]


def test_nobody_misses_what_the_model_does_not_look_at():
    one = learner(view=("a",)).fit(TABLE)
    assert one.predict({"a": TABLE["a"]}) == one.predict(TABLE)  # and no warning
    with pytest.raises(DataError, match="no column 'a'"):
        one.predict({"b": TABLE["b"]})
    with pytest.raises(ConfigError, match="At least one column of the inputs should be left"):
        one.evaluate(TABLE, drop=["a"])


def test_a_kept_column_that_is_not_there_is_told():
    found = learner().fit(TABLE)
    table = {"a": TABLE["a"], "c": TABLE["c"]}
    with pytest.raises(DataError, match="no column 'b'"):
        found.predict(table, keep=["b"])
    with pytest.warns(PlaitWarning, match="no column 'b'"):
        found.predict(table)


@pytest.mark.parametrize("view", [[], ["a", "a"]])
def test_a_view_names_some_inputs_each_once(view):
    with pytest.raises(ConfigError, match="`view` should name some inputs, each once"):
        Config.of({"model": {"view": view}})


def test_an_object_whose_options_would_be_lost_is_not_saved(tmp_path):
    made = learner(modality_balancing=Auxiliary(["a", "b", "c"], ["y"], weight=5.0)).fit(TABLE)
    with pytest.raises(ConfigError, match="The modality balancing of a model that is saved"):
        made.save(tmp_path / "m")


def test_numbers_of_numpy_are_written_as_numbers(schema):
    choices = {"fusion": {"name": "Attention", "layers": np.int64(1)}}
    found = described(choices, schema, SHORT, {"width": 8})
    assert json.loads(json.dumps(found))["fusion"] == {"name": "Attention", "layers": 1}
