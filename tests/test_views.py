"""The same rows, answered from some of their inputs."""

from itertools import combinations

import pytest
import torch
from torch import nn

from plait import Model, Schema
from plait.data import Masked
from plait.fusion import Attention, Concat, LateMean, Mean, ProductOfExperts
from plait.modalities import Categorical, Numeric, Text
from plait.sharing import Bottom, TaskQueries
from plait.tasks import Binary, Regression

TABLE = {
    "a": [1.0, 2.0, None, 4.0, None, 3.0],
    "b": ["u", None, "v", "u", None, "v"],
    "c": ["a red bag", "a red shoe", None, "the red bag", None, None],
    "yes": [True, False, True, None, False, True],
    "much": [1.0, 5.0, 2.0, 7.0, 1.0, None],
}
INPUTS = {"a": Numeric(), "b": Categorical(least=1), "c": Text()}
ALL = torch.arange(6)
VIEWS = [view for count in range(4) for view in combinations(INPUTS, count)]
FUSIONS = [Attention, Concat, Mean, LateMean, ProductOfExperts]


@pytest.fixture
def schema():
    return Schema(INPUTS, {"yes": Binary(), "much": Regression()}).fit(TABLE)


@pytest.fixture
def batch(schema):
    return schema.pack(TABLE)[ALL].inputs


def model_of(schema, **options) -> Model:
    model = Model(schema, 8, **options)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    return model.eval()


def without(inputs, *names):
    return {
        name: Masked(cells.values, cells.mask & False) if name in names else cells
        for name, cells in inputs.items()
    }


def close(one, other, atol=1e-5):
    return all(torch.allclose(one[name], other[name], atol=atol) for name in other)


@pytest.mark.parametrize("sharing", [Bottom, TaskQueries])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_view_is_a_batch_without_the_other_inputs(schema, batch, fusion, sharing):
    model = model_of(schema, fusion=fusion, sharing=sharing)
    found = model(batch, views=VIEWS)
    assert list(found) == VIEWS
    for view in VIEWS:
        hidden = [name for name in INPUTS if name not in view]
        assert close(found[view], model(without(batch, *hidden)))
    assert not close(found["a",], found["a", "b"])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_view_of_everything_is_the_answer(schema, batch, fusion):
    model = model_of(schema, fusion=fusion)
    found = model(batch, views=[model.inputs])[model.inputs]
    assert all(torch.equal(found[name], output) for name, output in model(batch).items())


def test_every_encoder_runs_once_however_many_views(schema, batch):
    model = model_of(schema)
    calls = []
    for encoder in model.encoders:
        encoder.register_forward_hook(lambda *_: calls.append(1))
    model(batch, views=VIEWS)
    assert len(calls) == 3


def test_a_loss_of_one_view_reaches_its_own_encoder_only(schema, batch):
    model = model_of(schema)
    sum(output.sum() for output in model(batch, views=[("a",)])["a",].values()).backward()
    reached = [
        any(each.grad is not None and each.grad.any() for each in encoder.parameters())
        for encoder in model.encoders
    ]
    assert reached == [True, False, False]


def test_a_model_of_a_view_never_looks_at_the_other_inputs(schema, batch):
    model = model_of(schema)
    one = Model(schema, 8, view=("a", "c"))
    one.load_state_dict(model.state_dict())
    calls = []
    one.encoders[1].register_forward_hook(lambda *_: calls.append(1))
    assert close(one.eval()(batch), model(without(batch, "b")))
    assert not calls


def test_a_view_of_a_strange_input_is_refused(schema, batch):
    with pytest.raises(ValueError, match=r"Found \['photo'\]"):
        model_of(schema)(batch, views=[("a", "photo")])
    with pytest.raises(ValueError, match=r"Found \['photo'\]"):
        Model(schema, 8, view=("photo",))


def test_late_fusions_join_the_answers_of_single_inputs(schema, batch):
    model = model_of(schema, fusion=LateMean, sharing=Bottom)
    there = torch.stack([batch[name].present for name in INPUTS], 1)
    found = model(batch, views=[("a",), ("b",), ("c",), model.inputs, ()])
    for task in ("yes", "much"):
        single = torch.stack([found[name,][task] for name in INPUTS], 1)
        total = (single * there.unsqueeze(2)).sum(1) / there.sum(1, keepdim=True).clamp(min=1)
        expected = torch.where(there.any(1, keepdim=True), total, found[()][task])
        assert torch.allclose(found[model.inputs][task], expected, atol=1e-5)
