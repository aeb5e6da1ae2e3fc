"""The network as a whole: who is asked, what has a say, and what it may be made of."""

import math

import pytest
import torch
from torch import nn

from plait import Model, Schema
from plait.data import Masked
from plait.fusion import Attention, Concat, Fusion, Mean
from plait.modalities import Categorical, Numeric, Text, Vector
from plait.sharing import Bottom, Sharing
from plait.tasks import Binary, Regression

NAMES = ("a.b", "keys", "type", "", "Ünïcödé", "forward")
TABLE = {
    "a.b": [1.0, 2.0, None, 4.0, None, 3.0],
    "keys": ["u", None, "v", "u", None, "v"],
    "type": [[1.0, 2.0], None, None, [0.0, 1.0], None, [3.0, 1.0]],
    "": ["a red bag", "a red shoe", None, "the red bag", None, None],
    "Ünïcödé": [None, 3, None, 5, None, 6],
    "forward": [None] * 6,
    "training": [True, False, True, None, False, True],
    "price.x": [1.0, 5.0, 2.0, 7.0, 1.0, None],
}
INPUTS = {
    "a.b": Numeric(),
    "keys": Categorical(least=1),
    "type": Vector(),
    "": Text(columns=("",)),
    "Ünïcödé": Numeric(),
    "forward": Numeric(),
}
TARGETS = {"training": Binary(), "price.x": Regression()}
ALL = torch.arange(6)


@pytest.fixture
def schema():
    return Schema(INPUTS, TARGETS).fit(TABLE)


def stirred(schema, **options) -> Model:
    model = Model(schema, 8, **options)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    return model.eval()


def same(one, other, atol=1e-5) -> bool:
    return list(one) == list(other) and all(
        torch.allclose(one[name], other[name], atol=atol) for name in one
    )


class Spy(nn.Module):
    """Notes the rows that it is shown."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.seen = inner, []

    def forward(self, cells):
        self.seen.append(cells)
        return self.inner(cells)


def test_encoders_and_shortcuts_see_only_rows_that_are_there(schema):
    model = Model(schema, 8)
    model.encoders = nn.ModuleList(Spy(each) for each in model.encoders)
    model.shortcuts = nn.ModuleList(Spy(each) for each in model.shortcuts)
    model(schema.pack(TABLE)[ALL].inputs)
    for name, spy in [*zip(NAMES, model.encoders, strict=True),
                      *zip(model.short, model.shortcuts, strict=True)]:  # fmt: skip
        there = sum(cell is not None for cell in TABLE[name])
        assert [len(cells) for cells in spy.seen] == ([there] if there else [])
        assert all(cells.present.all() for cells in spy.seen)
    assert model.short == ("keys", "")


def test_garbage_in_absent_rows_has_no_say(schema):
    model = stirred(schema)
    inputs = schema.pack(TABLE)[ALL].inputs
    soiled = {}
    for name, cells in inputs.items():
        values = cells.values.clone()
        values[~cells.mask] = math.nan if values.is_floating_point() else 10**12
        soiled[name] = Masked(values, cells.mask)

    def answers(given):
        model.zero_grad()
        outputs = model(given)
        sum(out.square().sum() for out in outputs.values()).backward()
        return outputs, [p.grad for p in model.parameters() if p.grad is not None]

    (clean, before), (dirty, after) = answers(inputs), answers(soiled)
    assert same(clean, dirty, 0.0)
    pairs = zip(before, after, strict=True)
    assert all(torch.equal(b, a) and b.isfinite().all() for b, a in pairs)


@pytest.mark.parametrize("fusion", [Attention, Concat, Mean])
def test_rows_do_not_mix_and_an_absent_row_is_finite(schema, fusion):
    model, pack = stirred(schema, fusion=fusion), schema.pack(TABLE)
    whole = model(pack[ALL].inputs)
    for row in range(6):
        alone = model(pack[torch.tensor([row])].inputs)
        assert same(alone, {name: out[row : row + 1] for name, out in whole.items()})
        assert all(out.isfinite().all() for out in alone.values())
    hidden = {n: Masked(c.values, c.mask & False) for n, c in pack[ALL].inputs.items()}
    nothing = model(hidden)
    assert same(nothing, {name: out[:1].expand_as(out) for name, out in nothing.items()})
    assert same({n: out[4:5] for n, out in whole.items()}, {n: o[:1] for n, o in nothing.items()})
    model.train()(hidden)["training"].sum().backward()


def test_the_shortcut_is_added_for_the_rows_that_are_there(schema):
    model = stirred(schema)
    inputs = schema.pack(TABLE)[ALL].inputs
    whole = torch.cat(list(model(inputs).values()), 1)
    for shortcut in model.shortcuts:
        nn.init.zeros_(shortcut.weights.weight)
    deep = torch.cat(list(model(inputs).values()), 1)
    there = torch.stack([inputs[name].present for name in model.short]).any(0)
    assert torch.equal((whole != deep).any(1), there)


def test_an_input_that_is_absent_in_the_whole_batch_equals_a_masked_one(schema):
    model, batch = stirred(schema), schema.pack(TABLE)[ALL]
    few = torch.tensor([2, 4])
    alone = model(schema.pack(TABLE)[few].inputs)
    assert same(alone, {n: o[few] for n, o in model(batch.inputs).items()})
    extra = {**batch.inputs, "stranger": batch.inputs["keys"]}
    assert same(model(dict(reversed(extra.items()))), model(batch.inputs), 0.0)


class MyFusion(Fusion):
    """The sum."""

    def forward(self, tokens):
        parts = [p.values.where(p.mask.unsqueeze(2), 0.0).sum(1) for p in tokens.values()]
        return torch.stack(parts).sum(0)


class MySharing(Sharing):
    """The same for all."""

    def forward(self, features):
        return dict.fromkeys(self.tasks, features)


def test_parts_may_be_classes_or_objects(schema):
    tasks = tuple(TARGETS)
    inputs = schema.pack(TABLE)[ALL].inputs
    model = Model(schema, 8, fusion=MyFusion, sharing=MySharing)
    assert isinstance(model.fusion, MyFusion)
    assert model.fusion.inputs == NAMES
    assert isinstance(model.sharing, MySharing)
    assert list(model(inputs)) == list(tasks)
    fusion, sharing = Mean(NAMES, 8), MySharing(tasks, 8)
    model = Model(schema, 8, fusion=fusion, sharing=sharing)
    assert model.fusion is fusion
    assert model.sharing is sharing
    usual = Model(schema)
    assert isinstance(usual.fusion, Attention)
    assert isinstance(usual.sharing, Bottom)
    assert usual.fusion.width == 128


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fusion": Mean(NAMES, 16)}, "fusion should be made for .* the width 8. .* and 16"),
        ({"fusion": Mean(NAMES[1:], 8)}, r"fusion should be made for .* for \['keys'"),
        ({"sharing": MySharing(("other",), 8)}, r"sharing should be made .* for \['other'\]"),
        ({"width": 6}, "`width` should be a multiple of `heads`. Got width=6 and heads=4"),
    ],
)
def test_parts_that_do_not_fit_are_refused(schema, options, message):
    with pytest.raises(ValueError, match=message):
        Model(schema, **{"width": 8, **options})


def test_state_survives_and_two_calls_agree(schema):
    one, other = stirred(schema), Model(schema, 8).eval()
    inputs = schema.pack(TABLE)[ALL].inputs
    assert same(one(inputs), one(inputs), 0.0)
    assert not same(one(inputs), other(inputs))
    other.load_state_dict(one.state_dict())
    assert same(one(inputs), other(inputs), 0.0)
    again = Schema.from_dict(schema.to_dict())
    other = Model(again, 8).eval()
    other.load_state_dict(one.state_dict())
    assert same(one(inputs), other(inputs), 0.0)


@pytest.mark.parametrize("fusion", [Attention, Concat, Mean])
def test_half_and_double_precision(schema, fusion):
    model = stirred(schema, fusion=fusion)
    inputs = schema.pack(TABLE)[ALL].inputs
    exact = model(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(inputs)
    assert same({name: out.float() for name, out in rough.items()}, exact, 0.3)
    fine = model.double()(inputs)
    assert {out.dtype for out in fine.values()} == {torch.float64}
    assert same({name: out.float() for name, out in fine.items()}, exact, 1e-4)


def test_every_parameter_of_what_is_there_gets_a_gradient(schema):
    model = stirred(schema).train()
    outputs = model(schema.pack(TABLE)[ALL].inputs)
    sum((out * torch.randn_like(out)).sum() for out in outputs.values()).backward()
    silent = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    absent = {n for n, _ in model.named_parameters() if n.startswith("encoders.5.")}
    assert silent == absent
