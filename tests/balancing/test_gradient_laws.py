"""What holds for all methods that look at gradients, or for those that promise it."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from plait import balancing
from plait._catalogue import catalogue
from plait.balancing import (
    DBMTL,
    IMTLG,
    MGDA,
    ConFIG,
    DualProj,
    FairGrad,
    GradientBalancer,
    GradVac,
    NashMTL,
    PCGrad,
    UPGrad,
)

from .gradients import DECADES, balancer, close, gradients, mixed, step, unchecked

KINDS = [
    kind for kind in catalogue(balancing, GradientBalancer).values() if kind.needs == "gramian"
]
ORDERED = (PCGrad, GradVac)  # for more than two tasks the order of the tasks matters
UNSCALED = (NashMTL, FairGrad)  # the result does not grow with the gradients
CANCEL = (MGDA, UPGrad, DualProj, PCGrad, GradVac, IMTLG, NashMTL, FairGrad, ConFIG)
every = pytest.mark.parametrize("kind", KINDS)


def named(*kinds):
    return pytest.mark.parametrize("kind", kinds)


@every
def test_the_order_of_tasks_does_not_matter(kind):
    tasks = 2 if kind in ORDERED else 5
    rows = gradients(tasks, 9, 3.0, 0)
    order = torch.arange(tasks).flip(0)
    losses = [1.0 + place for place in range(tasks)]
    one = balancer(kind, tasks).weights(step(rows, losses=losses))
    other = balancer(kind, tasks).weights(step(rows[order], losses=losses[::-1]))
    assert close(one[order] * rows[order].norm(dim=1), other * rows[order].norm(dim=1), 1e-8)


@every
@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_the_scale_of_all_losses(kind, factor):
    rows = gradients(4, 9, 3.0, 1)
    grown = 1.0 if kind in UNSCALED else factor
    assert close(mixed(kind, factor * rows), grown * mixed(kind, rows))


@named(NashMTL, FairGrad, IMTLG, ConFIG)
def test_the_length_of_each_changes_no_direction(kind):
    rows = gradients(5, 9, 0.0, 2)
    lengths = torch.tensor([1e-6, 1e-2, 1.0, 1e3, 1e6], dtype=torch.float64)
    one, other = mixed(kind, rows), mixed(kind, rows * lengths[:, None])
    assert close(one / one.norm(), other / other.norm())
    if kind in UNSCALED:
        assert close(one, other)


@every
def test_equal_gradients_give_their_direction(kind):
    row = gradients(1, 9, 0.0, 3)
    for tasks in (1, 2, 5):
        point = mixed(kind, row.expand(tasks, -1).clone())
        assert close(point / point.norm(), row[0], 1e-7)


@every
def test_copies_of_gradients_stay_finite(kind):
    rows = gradients(3, 9, 0.0, 4)
    rows = torch.cat([rows, rows, rows[:1] * 1e-6])
    weights = balancer(kind, 7).weights(step(rows))
    point = weights @ rows
    assert bool(weights.isfinite().all())
    assert 1e-12 < float(point.norm()) <= 1e3 * float(rows.norm())


@named(MGDA, DualProj)
def test_copies_of_all_gradients_change_nothing(kind):
    rows = gradients(3, 9, 3.0, 5)
    assert close(mixed(kind, torch.cat([rows, rows])), mixed(kind, rows))


@every
def test_a_gradient_of_zero_has_no_say(kind):
    rows = gradients(3, 9, 3.0, 6)
    more = torch.cat([rows[:1], torch.zeros(1, 9, dtype=torch.float64), rows[1:]])
    losses = [1.0, 5.0, 2.0, 3.0]
    rule = balancer(kind, 4)
    weights = rule.weights(step(more, losses=losses))
    assert bool(weights.isfinite().all())
    if kind in (NashMTL, FairGrad, IMTLG, ConFIG, DBMTL):
        alone = balancer(kind, 3).weights(step(rows, losses=[1.0, 2.0, 3.0]))
        assert close(weights @ more, alone @ rows)
    if kind in (UPGrad, DualProj):  # it counts in the mean
        assert close(weights @ more, mixed(kind, rows) * 3 / 4)
    nothing = torch.zeros(2, 9, dtype=torch.float64)
    assert bool(balancer(kind, 2).weights(step(nothing)).isfinite().all())


@every
def test_opposed_gradients_give_nothing(kind):
    row = gradients(1, 9, 0.0, 7)
    for factor in (1e-6, 1.0, 1e6):
        if factor == 1 or kind in CANCEL:
            rows = torch.cat([row, -factor * row])
            there = step(rows, losses=[1.0, 1.0])
            weights = balancer(kind, 2).weights(there)
            assert bool(weights.isfinite().all())
            size = weights.abs() @ rows.norm(dim=1)
            assert float((weights @ rows).norm()) <= 1e-6 * float(size)


@every
def test_opposed_gradients_are_reported(kind):
    w = torch.ones(3, dtype=torch.float64, requires_grad=True)
    way = torch.tensor([1.0, -2.0, 2.0], dtype=torch.float64)
    rule = kind(["up", "down"])
    rule.backward({"up": way @ w, "down": 2 - way @ w})
    assert bool(w.grad.isfinite().all())
    assert float(w.grad.norm()) <= 1e-6
    assert bool(rule.last.stationary)


@every
def test_through_the_engine(kind):
    source = torch.Generator().manual_seed(0)
    rows = torch.randn(3, 4, generator=source, dtype=torch.float64)
    w, own = (torch.ones(4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    rule = kind(["a", "b", "c"])
    losses = {name: row @ w - row.sum() + 2 for name, row in zip("abc", rows, strict=True)}
    losses["c"] = losses["c"] + own.sum() - 4
    found = rule.backward(losses)
    expected = kind(["a", "b", "c"]).weights(step(rows, losses=[2.0, 2.0, 2.0]))
    torch.testing.assert_close(torch.stack(list(found.values())), expected)
    torch.testing.assert_close(w.grad, expected @ rows)
    assert own.grad.tolist() == pytest.approx([0.5 if kind is DBMTL else 1.0] * 4)


@every
def test_absent_tasks_leave_the_problem_of_the_others(kind):
    rows = gradients(3, 9, 3.0, 8)
    found = balancer(kind, 6).weights(step(rows, index=[0, 3, 5]))
    assert torch.equal(found, balancer(kind, 3).weights(step(rows)))


@every
def test_resumes_bit_equal(kind):
    first, second = balancer(kind, 4), balancer(kind, 4)
    for turn in range(4):
        if turn == 2:
            second.load_state_dict(first.state_dict())
            assert all(isinstance(each, torch.Tensor) for each in first.state_dict().values())
        there = step(gradients(4, 9, 3.0, turn))
        found = first.weights(there)
        first.steps += 1
        if turn >= 2:
            assert torch.equal(found, second.weights(there))
            second.steps += 1


@every
def test_gradients_are_compared_in_one_of_two_places(kind):
    assert kind(["a"], at="features").at == "features"
    with unchecked(), pytest.raises(ValueError, match=f"`at` of {kind.__name__} should be"):
        kind(["a"], at="losses")


def worst(rows, point):
    """The least cosine between a direction and the gradients."""
    return float((rows @ point / rows.norm(dim=1)).min() / point.norm())


@named(UPGrad, DualProj, MGDA)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(tasks=st.integers(2, 16), spare=st.integers(0, 30), seed=st.integers(0, 2**31))
def test_no_loss_rises_whatever_the_lengths(kind, tasks, spare, seed):
    rows = gradients(tasks, tasks + spare, DECADES, seed)
    assert worst(rows, mixed(kind, rows)) >= -1e-7


@pytest.mark.slow
@named(UPGrad, DualProj, MGDA)
def test_no_loss_rises_in_thousands_of_cases(kind):
    counted = 0
    for seed in range(4000):
        tasks = 2 + seed % 15
        rows = gradients(tasks, max(2, tasks + seed % 9 - 4), DECADES, seed)
        rule = balancer(kind, tasks)
        weights = rule.weights(step(rows))
        point = weights @ rows
        if point.norm() > 1e-6 * (weights.abs() @ rows.norm(dim=1)):  # otherwise stationary
            counted += 1
            assert worst(rows, point) >= -1e-7, seed
    assert counted > 2000


def compiled(kind, tasks, backend):
    rows = gradients(tasks, 9, DECADES, 0)
    rule, plain = balancer(kind, tasks), balancer(kind, tasks)
    with unchecked(), torch.no_grad():
        found = torch.compile(rule.weights, fullgraph=True, backend=backend)(step(rows))
    torch._dynamo.reset()
    expected = plain.weights(step(rows))
    assert close(found * rows.norm(dim=1), expected * rows.norm(dim=1), 1e-8)


def test_compiles_in_one_piece():
    compiled(UPGrad, 4, "eager")


@pytest.fixture(scope="module")
def compiler_folder(tmp_path_factory):
    """What an older form of an operation was compiled to is kept, and does not fit another."""
    return str(tmp_path_factory.mktemp("compiler"))


@pytest.mark.slow
# Of torch's own code, which its compiler calls.
@pytest.mark.filterwarnings("ignore:.*_prims_common.check:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@every
def test_all_compile_in_one_piece(kind, compiler_folder, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", compiler_folder)
    compiled(kind, 4, "inductor")
