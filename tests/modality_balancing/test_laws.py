"""What every way of balancing inputs promises, over everything the wing exports."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from plait import Model, Schema, modality_balancing
from plait._catalogue import catalogue
from plait.balancing import Sum
from plait.data import Masked
from plait.fusion import Mean
from plait.modality_balancing import (
    OGMGE,
    Auxiliary,
    GradientBlending,
    ModalityBalancer,
    ViewLosses,
)
from plait.sharing import Bottom
from plait.training import train_step
from plait.training._view_losses import counts_of, view_losses

KINDS = catalogue(modality_balancing, ModalityBalancer)
each = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
ROWS = 24
TABLE = {
    "a": [None if n % 5 == 1 else float(n % 7) for n in range(ROWS)],
    "b": [None if n % 4 == 2 else ("u", "v", "w")[n % 3] for n in range(ROWS)],
    "c": [[float(n % 2), 1.0 + n % 3] for n in range(ROWS)],
    "yes": [None if n % 6 == 0 else n % 2 == 0 for n in range(ROWS)],
    "much": [None if n % 3 == 0 else float(n % 7) for n in range(ROWS)],
}
ALL = torch.arange(ROWS)


@pytest.fixture(scope="module")
def schema() -> Schema:
    inputs = {"a": "Numeric", "b": "Categorical", "c": "Vector"}
    return Schema.infer(TABLE, ["yes", "much"], inputs).fit(TABLE)


def model_of(schema: Schema) -> Model:
    torch.manual_seed(3)
    tasks = tuple(schema.tasks)
    model = Model(schema, 8, fusion=Mean, sharing=Bottom(tasks, 8, layers=1, dropout=0.0))
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    return model.train()


def stepped(schema: Schema, modality: ModalityBalancer | None, **options) -> tuple[Model, dict]:
    model = model_of(schema)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = options.pop("batch", None) or schema.pack(TABLE)[ALL]
    losses, weights = train_step(
        schema, model, batch, Sum(tuple(schema.tasks)), optimizer, clip=1e9, modality=modality,
        **options,
    )  # fmt: skip
    assert set(weights) == set(losses) == set(batch.targets)
    return model, losses


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in model.parameters()])


@each
def test_a_step_is_finite_and_another_than_the_plain_one(kind, schema):
    modality = kind(tuple(schema.inputs), tuple(schema.tasks))
    torch.manual_seed(0)
    found, losses = stepped(schema, modality)
    plain, plain_losses = stepped(schema, None)
    assert weights(found).isfinite().all()
    assert not torch.allclose(weights(found), weights(plain))
    assert losses == pytest.approx(plain_losses)  # what is told is the loss of all inputs together


@each
def test_without_other_inputs_there_is_nothing_to_balance(kind):
    table = {"a": TABLE["a"], "much": TABLE["much"]}
    schema = Schema.infer(table, ["much"], {"a": "Numeric"}).fit(table)
    modality = kind(("a",), ("much",))
    assert modality.views == (("a",),)
    batch = schema.pack(table)[ALL]
    # OGM-GE shakes the encoder all the same, and with one input that is the only thing it does.
    if isinstance(modality, OGMGE):
        modality.noise = False
    found, _ = stepped(schema, modality, batch=batch)
    plain, _ = stepped(schema, None, batch=batch)
    assert torch.allclose(weights(found), weights(plain), atol=1e-6)


def test_a_view_counts_only_rows_that_have_the_input(schema):
    model, batch = model_of(schema), schema.pack(TABLE)[ALL]
    views = (tuple(schema.inputs), ("a",))
    counts = counts_of(batch, views)
    with torch.no_grad():
        seen = model(batch.inputs, views=views)
        table = view_losses(schema, seen, batch, counts, trust=True)
    for name, target in batch.targets.items():
        task = schema.tasks[name]
        shown = target.mask & batch.inputs["a"].present
        rows = shown.nonzero()[:, 0]
        assert counts["a",][name] == len(rows) < counts[views[0]][name] == int(target.mask.sum())
        errors = task.errors(seen["a",][name][rows], target.values[rows])
        assert table.losses["a",][name].item() == pytest.approx(errors.mean().item(), rel=1e-5)
        sure = (-errors).exp().mean().item()
        assert table.trust["a",][name].item() == pytest.approx(sure, rel=1e-5)


@each
def test_an_input_that_is_absent_in_the_whole_batch_has_no_say(kind, schema):
    pack = schema.pack({**TABLE, "b": [None] * ROWS})
    modality = kind(tuple(schema.inputs), tuple(schema.tasks))
    torch.manual_seed(0)
    model, _ = stepped(schema, modality, batch=pack[ALL])
    before = model_of(schema)
    place = model.inputs.index("b")
    pairs = zip(
        model.encoders[place].parameters(), before.encoders[place].parameters(), strict=True
    )
    assert all(torch.equal(one, other) for one, other in pairs)


@each
def test_labels_that_are_not_there_have_no_say(kind, schema):
    pack = schema.pack({**TABLE, "yes": [None] * ROWS})
    batch = pack[ALL]
    assert list(batch.targets) == ["much"]
    modality = kind(tuple(schema.inputs), tuple(schema.tasks))
    model, losses = stepped(schema, modality, batch=batch)
    assert list(losses) == ["much"]
    assert weights(model).isfinite().all()


@each
def test_parts_of_a_batch_make_one_step(kind, schema):
    modality = kind(tuple(schema.inputs), tuple(schema.tasks))
    torch.manual_seed(0)
    whole, _ = stepped(schema, modality)
    torch.manual_seed(0)
    parts, _ = stepped(schema, modality, accumulate=3)
    assert weights(parts).isfinite().all()
    if kind in (Auxiliary, GradientBlending):  # the others ask questions of each part's gradient
        assert torch.allclose(weights(whole), weights(parts), atol=1e-5)


@each
def test_state_survives(kind, schema):
    modality = kind(tuple(schema.inputs), tuple(schema.tasks))
    views = modality.views
    start = {view: dict.fromkeys(schema.tasks, 1.0) for view in views}
    for epoch in range(12):
        later = {
            view: dict.fromkeys(schema.tasks, 1 / (1 + epoch * (2 + place)))
            for place, view in enumerate(views)
        }
        modality.observe(epoch, later, start if not epoch else later)
    other = kind(tuple(schema.inputs), tuple(schema.tasks))
    other.load_state_dict(modality.state_dict())
    torch.manual_seed(0)
    one, _ = stepped(schema, modality)
    torch.manual_seed(0)
    two, _ = stepped(schema, other)
    assert torch.equal(weights(one), weights(two))


@each
def test_gradients_that_were_there_before_stay(kind):
    w = nn.Parameter(torch.tensor([1.0, 2.0]))
    w.grad = torch.tensor([10.0, 20.0])
    modality = kind(("a", "b"), ("y",))
    both, a, b = modality.views

    def step():
        losses = {both: {"y": (w * w).sum()}, a: {"y": w.sum()}, b: {"y": (2 * w).sum()}}
        trust = {view: {"y": torch.tensor(0.5)} for view in losses}
        return ViewLosses(losses, trust)

    torch.manual_seed(0)
    modality.backward(step(), {"a": [w]}, Sum(("y",)).backward)
    found = w.grad.clone()
    w.grad = None
    torch.manual_seed(0)
    modality.backward(step(), {"a": [w]}, Sum(("y",)).backward)
    assert torch.allclose(found, w.grad + torch.tensor([10.0, 20.0]))


def soiled(cells: Masked, junk: float) -> Masked:
    values = cells.values.clone()
    values[~cells.mask] = junk if values.is_floating_point() else 10**9
    return Masked(values, cells.mask)


@each
@pytest.mark.parametrize("junk", [math.nan, math.inf, -1e30])
def test_what_is_masked_has_no_say(kind, schema, junk):
    batch = schema.pack(TABLE)[ALL]
    dirty = replace(
        batch,
        inputs={name: soiled(cells, junk) for name, cells in batch.inputs.items()},
        targets={name: soiled(cells, junk) for name, cells in batch.targets.items()},
    )
    found = []
    for given in (batch, dirty):
        torch.manual_seed(0)
        modality = kind(tuple(schema.inputs), tuple(schema.tasks))
        model, losses = stepped(schema, modality, batch=given)
        found.append([weights(model), *modality.state_dict().values(), [*losses.values()]])
    for one, other in zip(*found, strict=True):
        assert (
            one == other
            if isinstance(one, list)
            else torch.equal(one.nan_to_num(), other.nan_to_num())
        )
    assert found[0][0].isfinite().all()


@each
@pytest.mark.parametrize("rows", [[3], [10]], ids=["all inputs", "some inputs"])
def test_a_batch_of_one(kind, schema, rows):
    modality = kind(tuple(schema.inputs), tuple(schema.tasks))
    found, losses = stepped(schema, modality, batch=schema.pack(TABLE)[torch.tensor(rows)])
    assert losses
    assert weights(found).isfinite().all()


@each
def test_rows_of_which_nothing_is_there(kind, schema):
    nothing = {**TABLE, **dict.fromkeys("abc", [None] * ROWS)}
    modality = kind(tuple(schema.inputs), tuple(schema.tasks))
    found, losses = stepped(schema, modality, batch=schema.pack(nothing)[ALL])
    assert losses
    assert weights(found).isfinite().all()


@each
def test_half_precision(kind, schema):
    torch.manual_seed(0)
    exact, _ = stepped(schema, kind(tuple(schema.inputs), tuple(schema.tasks)))
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        rough, _ = stepped(schema, kind(tuple(schema.inputs), tuple(schema.tasks)))
    assert weights(rough).isfinite().all()
    moved = weights(exact) - weights(model_of(schema))
    off = weights(rough) - weights(exact)
    # The noise of OGM-GE is drawn with the spread of the gradient, which is rough as well.
    assert off.norm() < 0.5 * moved.norm()
