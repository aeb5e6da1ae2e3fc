import math

import pytest
import torch
from torch import nn

from plait import Batch, NonFiniteError
from plait.balancing import Sum
from plait.data import Masked
from plait.training import task_losses, train_step

ROWS = torch.arange(60)


def step(kit, model, batch, **options):
    balancer = options.pop("balancer", None) or Sum(tuple(kit.schema.tasks))
    optimizer = options.pop("optimizer", None) or torch.optim.SGD(model.parameters(), lr=0.1)
    return train_step(kit.schema, model, batch, balancer, optimizer, **options)


def copy(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same(model: nn.Module, before: dict[str, torch.Tensor]) -> None:
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def only(batch: Batch, *names: str) -> Batch:
    kept = {name: labels for name, labels in batch.targets.items() if name in names}
    return Batch(batch.inputs, kept, batch.rows)


@pytest.mark.parametrize("parts", [2, 3, 7, 60, 100])
@pytest.mark.parametrize("clip", [1e9, 0.1])
def test_parts_make_the_same_step_wherever_labels_are_missing(kit, parts, clip):
    whole, cut = kit.model(), kit.model()
    first = step(kit, whole, kit.pack[ROWS], clip=clip)
    second = step(kit, cut, kit.pack[ROWS], clip=clip, accumulate=parts)
    assert first[0] == pytest.approx(second[0], rel=1e-5)
    assert first[1] == second[1]
    for (name, one), two in zip(whole.named_parameters(), cut.parameters(), strict=True):
        assert torch.allclose(one.grad, two.grad, atol=1e-6, rtol=0), name
        assert torch.allclose(one, two, atol=1e-6, rtol=0), name
    assert any((one.grad != 0).any() for one in whole.parameters())


def test_the_gradient_is_that_of_the_written_out_loss(kit):
    model, other = kit.model(), kit.model()
    batch = kit.pack[ROWS]
    told, weights = step(kit, model, batch, clip=1e9)
    outputs = other(batch.inputs)
    total = torch.zeros(())
    for name, labels in batch.targets.items():
        errors = kit.schema.tasks[name].errors(outputs[name], labels.values)
        loss = errors[labels.mask].mean()
        assert told[name] == pytest.approx(loss.item(), rel=1e-5)
        total = total + loss
    total.backward()
    assert weights == {"price": 1.0, "sold": 1.0, "view": 1.0}
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(one.grad, two.grad, atol=1e-6)


def test_an_absent_task_pulls_at_nothing(kit):
    model, before = kit.model(), copy(kit.model())
    told, weights = step(kit, model, only(kit.pack[ROWS], "price"))
    assert set(told) == set(weights) == {"price"}
    after = model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    heads = dict(zip(kit.schema.tasks, ("heads.0", "heads.1", "heads.2"), strict=True))
    assert any(name.startswith(heads["price"]) for name in changed)
    assert not any(name.startswith((heads["sold"], heads["view"])) for name in changed)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_batch_without_any_label_changes_nothing(kit, parts):
    model, before = kit.model(), copy(kit.model())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, weight_decay=0.5)
    told = step(kit, model, only(kit.pack[ROWS]), optimizer=optimizer, accumulate=parts)
    assert told == ({}, {})
    assert_same(model, before)


def test_only_labeled_rows_have_a_say(kit):
    batch = only(kit.pack[ROWS], "sold")
    there = batch.targets["sold"].mask
    assert not there.all()
    few = there.nonzero()[:, 0]
    dirty = {name: Masked(cells.values.clone(), cells.mask) for name, cells in batch.inputs.items()}
    for cells in dirty.values():
        if cells.values.is_floating_point():
            cells.values[~there] = 1e6
    labels = batch.targets["sold"]
    holed = Masked(labels.values.where(there.unsqueeze(1), math.nan), there)
    one, two = kit.model(), kit.model()
    first = step(kit, one, Batch(dirty, {"sold": holed}, batch.rows), clip=1e9)
    second = step(kit, two, only(kit.pack[few], "sold"), clip=1e9)
    assert first[0] == pytest.approx(second[0], rel=1e-5)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        if a.grad is not None:
            assert torch.allclose(a.grad, b.grad, atol=1e-6)


def test_the_weight_of_a_task_multiplies_its_loss_and_its_gradient(kit):
    from dataclasses import replace

    heavy = replace(kit.schema.tasks["price"], weight=3.0)
    schema = replace(kit.schema, tasks={**kit.schema.tasks, "price": heavy})
    batch = only(kit.pack[ROWS], "price")
    one, three = kit.model(), kit.model()
    light = step(kit, one, batch, clip=1e9)[0]["price"]
    told = train_step(
        schema, three, batch, Sum(["price"]), torch.optim.SGD(three.parameters()), clip=1e9
    )
    assert told[0]["price"] == pytest.approx(3 * light, rel=1e-6)
    for a, b in zip(one.parameters(), three.parameters(), strict=True):
        if a.grad is not None:
            assert torch.allclose(3 * a.grad, b.grad, atol=1e-6)


@pytest.mark.parametrize("clip", [0.01, 0.1])
def test_the_gradient_is_cut_to_its_norm(kit, clip):
    model = kit.model()
    step(kit, model, kit.pack[ROWS], clip=clip)
    norm = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).norm()
    assert norm.item() == pytest.approx(clip, rel=1e-3)


def test_old_gradients_are_forgotten(kit):
    model, fresh = kit.model(), kit.model()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)
    step(kit, model, kit.pack[ROWS])
    step(kit, fresh, kit.pack[ROWS])
    assert_same(model, copy(fresh))


@pytest.mark.parametrize("parts", [1, 3])
def test_a_loss_that_is_not_finite_stops_before_the_step(kit, parts):
    model = kit.model()
    with torch.no_grad():
        model.heads[0].weight[0, 0] = math.nan
    before = copy(model)
    batch = kit.pack[ROWS + 0]
    rows = batch.rows[batch.targets["price"].mask]
    with pytest.raises(
        NonFiniteError, match=r"A loss is not finite: task 'price', (\d+) rows"
    ) as e:
        step(kit, model, batch, accumulate=parts)
    assert str(rows[:5].tolist()) in str(e.value)
    assert "'sold'" not in str(e.value)
    for name, value in model.state_dict().items():
        assert torch.equal(value.nan_to_num(7), before[name].nan_to_num(7)), name


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_the_very_row_of_a_label_that_is_not_finite_is_named(kit, bad):
    batch = kit.pack[torch.tensor([50, 7, 33, 12, 41, 28, 20])]
    labels = batch.targets["price"]
    place = int(labels.mask.nonzero()[-1])
    values = labels.values.clone()
    values[place] = bad
    spoiled = Batch(
        batch.inputs, {**batch.targets, "price": Masked(values, labels.mask)}, batch.rows
    )
    model, before = kit.model(), copy(kit.model())
    row = int(batch.rows[place])
    match = rf"task 'price', 1 rows of the training table: \[{row}\].*No step was taken"
    with pytest.raises(NonFiniteError, match=match):
        step(kit, model, spoiled)
    assert_same(model, before)


def test_rows_whose_sum_alone_is_not_finite_are_named(kit):
    batch = only(kit.pack[ROWS], "price")
    labels = batch.targets["price"]
    values = labels.values.clone()
    large = labels.mask.nonzero()[:3, 0]
    values[large] = 1.5e19  # its square is finite, and that of three is not
    spoiled = Batch(batch.inputs, {"price": Masked(values, labels.mask)}, batch.rows)
    with pytest.raises(NonFiniteError, match=r"task 'price', 3 rows") as error:
        step(kit, kit.model(), spoiled)
    assert str(batch.rows[large].tolist()) in str(error.value)


class Poison(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad * math.inf


class Poisoned(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs):
        return {name: Poison.apply(output) for name, output in self.model(inputs).items()}


def test_a_gradient_that_is_not_finite_stops_before_the_step(kit):
    model = Poisoned(kit.model())
    before = copy(model)
    with pytest.raises(NonFiniteError, match=r"The gradient is not finite .*\[0, 1, 2, 3, 4\] and"):
        step(kit, model, kit.pack[ROWS])
    assert_same(model, before)


class Learned(Sum):
    """A balancer with a parameter of its own, whose gradient alone is not finite."""

    def __init__(self, tasks) -> None:
        super().__init__(tasks)
        self.own = nn.Parameter(torch.zeros(()))

    def weights(self, step):
        with torch.enable_grad():
            Poison.apply(self.own).backward()
        return super().weights(step)


def test_nor_may_a_gradient_of_the_balancer(kit):
    balancer, model = Learned(tuple(kit.schema.tasks)), kit.model()
    optimizer = torch.optim.SGD([*model.parameters(), *balancer.parameters()], lr=0.1)
    before = copy(model)
    with pytest.raises(NonFiniteError, match="The gradient is not finite"):
        step(kit, model, kit.pack[ROWS], balancer=balancer, optimizer=optimizer)
    assert_same(model, before)
    assert balancer.own == 0


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_half_precision_is_close(kit, device):
    full, half = kit.model(), kit.model()
    one = step(kit, full, kit.pack[ROWS])[0]
    two = step(kit, half, kit.pack[ROWS], half=True, device=device)[0]
    assert one == pytest.approx(two, rel=0.05)
    assert one != two
    assert all(p.dtype == torch.float32 for p in half.parameters())


def test_task_losses_divide_by_the_labels_of_the_whole_step(kit):
    batch = kit.pack[ROWS]
    model = kit.model().eval()
    outputs = model(batch.inputs)
    plain = task_losses(kit.schema, outputs, batch)
    count = {name: int(labels.mask.sum()) for name, labels in batch.targets.items()}
    twice = task_losses(kit.schema, outputs, batch, {name: 2 * n for name, n in count.items()})
    for name, loss in plain.items():
        assert twice[name].item() == pytest.approx(loss.item() / 2, rel=1e-6)


def test_the_row_is_named_in_whichever_part_it_falls(kit):
    batch = only(kit.pack[ROWS], "price")
    labels = batch.targets["price"]
    place = int(labels.mask.nonzero()[-1])
    values = labels.values.clone()
    values[place] = math.inf
    spoiled = Batch(batch.inputs, {"price": Masked(values, labels.mask)}, batch.rows)
    for parts in (1, 4, 60):
        with pytest.raises(NonFiniteError, match=rf"1 rows of the training table: \[{place}\]"):
            step(kit, kit.model(), spoiled, accumulate=parts)


class Fragile(Sum):
    """A balancer that breaks where a loss is missing, or on anything."""

    broken = False

    def weights(self, step):
        if self.broken or len(step.losses) < len(self.tasks):
            raise ValueError("no solution")
        return super().weights(step)


def test_a_balancer_that_breaks_does_not_hide_the_cause(kit):
    balancer, model = Fragile(tuple(kit.schema.tasks)), kit.model()
    with torch.no_grad():
        model.heads[1].weight[0, 0] = math.nan
    with pytest.raises(NonFiniteError, match="task 'sold'"):
        step(kit, model, kit.pack[ROWS], balancer=balancer)
    balancer.broken = True
    with pytest.raises(ValueError, match="no solution"):
        step(kit, kit.model(), kit.pack[ROWS], balancer=balancer)


def test_weights_that_the_optimizer_does_not_hold_have_no_part_in_the_norm(kit):
    model = kit.model()
    head = list(model.heads.parameters())
    step(kit, model, kit.pack[ROWS], clip=0.01, optimizer=torch.optim.SGD(head, lr=0.1))
    norm = torch.cat([p.grad.flatten() for p in head if p.grad is not None]).norm()
    assert norm.item() == pytest.approx(0.01, rel=1e-3)
