"""Whole models with every fusion and every way of sharing that the wings export."""

import math

import pytest
import torch
from torch import nn

from plait import Model, Schema, fusion, sharing
from plait._catalogue import catalogue
from plait.data import Masked
from plait.fusion import Fusion, Mean
from plait.modalities import Categorical, Numeric, Text, Vector
from plait.sharing import Sharing
from plait.tasks import Binary, Regression

from .fusion.parts import permuted

INPUTS = {
    "a.b": Numeric(),
    "keys": Categorical(least=1),
    "type": Vector(),
    "": Text(columns=("",)),
    "Ünïcödé": Numeric(),
    "forward": Vector(),
}
TABLE = {
    "a.b": [1.0, 2.0, None, 4.0, None, 3.0],
    "keys": ["u", None, "v", "u", None, "v"],
    "type": [[1.0, 2.0], None, None, [0.0, 1.0], None, [3.0, 1.0]],
    "": ["a red bag", "a red shoe", None, "the red bag", None, None],
    "Ünïcödé": [None, 3, None, 5, None, 6],
    "forward": [[1.0], None, [3.0], [2.5], None, None],
    "training": [True, False, True, None, False, True],
    "price.x": [1.0, 5.0, 2.0, 7.0, 1.0, None],
}
TARGETS = {"training": Binary(), "price.x": Regression()}
ALL = torch.arange(6)
PARTS = [
    *(pytest.param({"fusion": kind}, id=name) for name, kind in catalogue(fusion, Fusion).items()),
    *(
        pytest.param({"fusion": Mean, "sharing": kind}, id=name)
        for name, kind in catalogue(sharing, Sharing).items()
    ),
]
each = pytest.mark.parametrize("parts", PARTS)


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema(INPUTS, TARGETS).fit(TABLE)


@pytest.fixture(scope="module")
def inputs(schema) -> dict[str, Masked]:
    return dict(schema.pack(TABLE)[ALL].inputs)


def stirred(schema: Schema, parts: dict) -> Model:
    torch.manual_seed(0)
    model = Model(schema, 8, **parts)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    return model.eval()


def side_by_side(outputs: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([*outputs.values()], 1)


def soiled(cells: Masked) -> Masked:
    values = cells.values.clone()
    values[~cells.mask] = math.nan if values.is_floating_point() else 10**12
    return Masked(values, cells.mask)


@each
def test_junk_has_no_say(schema, inputs, parts):
    model = stirred(schema, parts).train()

    def found(given):
        model.zero_grad()
        torch.manual_seed(0)
        out = side_by_side(model(given))
        out.square().sum().backward()
        return [out, *(weight.grad for weight in model.parameters() if weight.grad is not None)]

    pairs = zip(found(inputs), found({n: soiled(c) for n, c in inputs.items()}), strict=True)
    assert all(torch.equal(one, two) and one.isfinite().all() for one, two in pairs)


@each
def test_rows_do_not_mix_and_nothing_is_finite(schema, inputs, parts):
    model, pack = stirred(schema, parts), schema.pack(TABLE)
    whole = side_by_side(model(inputs))
    for row in ALL.split(1):
        alone = side_by_side(model(pack[row].inputs))
        assert torch.allclose(alone, whole[row], atol=1e-5)
    nothing = side_by_side(model({n: Masked(c.values, c.mask & False) for n, c in inputs.items()}))
    assert nothing.isfinite().all()
    assert torch.allclose(nothing[:1], whole[4:5], atol=1e-5)
    model.train()(inputs)  # and a batch of one may be trained on
    side_by_side(model(pack[ALL[:1]].inputs)).sum().backward()
    assert all(w.grad is None or w.grad.isfinite().all() for w in model.parameters())


@each
def test_the_order_of_inputs_does_not_matter(schema, inputs, parts):
    model = stirred(schema, parts)
    order = [0, 3, 1, 5, 4, 2]
    names = [list(INPUTS)[place] for place in order]
    turned = Schema({n: INPUTS[n] for n in names}, TARGETS).fit(TABLE)
    other = Model(turned, 8, **parts).eval()
    assert list(other.inputs) == names
    for new, old in enumerate(order):
        other.encoders[new].load_state_dict(model.encoders[old].state_dict())
    for new, name in enumerate(other.short):
        old = model.shortcuts[model.short.index(name)]
        other.shortcuts[new].load_state_dict(old.state_dict())
    other.fusion.load_state_dict(permuted(model.fusion, order))
    other.sharing.load_state_dict(model.sharing.state_dict())
    other.heads.load_state_dict(model.heads.state_dict())
    found, wanted = other(inputs), model(inputs)
    assert torch.allclose(side_by_side(found), side_by_side(wanted), atol=1e-4)


@each
def test_one_input_alone(parts):
    schema = Schema({"a.b": Numeric()}, TARGETS).fit(TABLE)
    model = stirred(schema, parts)
    out = side_by_side(model(schema.pack(TABLE)[ALL].inputs))
    assert out.isfinite().all()
    assert not torch.equal(out[0], out[1])
    assert torch.allclose(out[2], out[4])  # where it is missing, all rows are the same


@each
def test_state_survives_and_no_weight_is_made_on_the_way(schema, inputs, parts):
    one, other = stirred(schema, parts), Model(schema, 8, **parts).eval()
    before = [*one.state_dict()]
    first = side_by_side(one(inputs))
    assert torch.equal(side_by_side(one(inputs)), first)
    assert [*one.state_dict()] == before
    other.load_state_dict(one.state_dict())
    assert torch.equal(side_by_side(other(inputs)), first)


@each
def test_half_and_double_precision(schema, inputs, parts):
    model = stirred(schema, parts)
    exact = side_by_side(model(inputs))
    with torch.autocast("cpu", torch.bfloat16):
        rough = side_by_side(model(inputs)).float()
    assert torch.allclose(rough, exact, atol=0.3, rtol=0.3)
    fine = side_by_side(model.double()(inputs))
    assert fine.dtype == torch.float64
    assert torch.allclose(fine.float(), exact, atol=1e-4, rtol=1e-4)
