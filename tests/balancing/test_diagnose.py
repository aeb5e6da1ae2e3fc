"""A look changes nothing, every number is what it is by hand, and every rule has its case."""

import json
import math
from dataclasses import fields

import jaxtyping
import pytest
import torch
from torch import nn

from plait._errors import ConfigError
from plait.balancing import Diagnosis, Findings, diagnose
from plait.balancing._found import found as numbers_of

ROOT = math.sqrt(2)


def toy():
    w = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    return w, lambda: {"a": 3 * w[0], "b": w[1] - w[0] + 2}


def looked(looks=3, rate=0.1):
    w, losses = toy()
    watch = Diagnosis(["a", "b"])
    for _ in range(looks):
        watch.look(losses())
    return w, watch.report(rate)


def near(*values):
    return pytest.approx(values, rel=1e-12, abs=1e-12)


def test_every_number_by_hand():
    # The gradients are (3, 0) and (-1, 1), the losses 3 and 2.
    _, found = looked()
    assert (found.tasks, found.at, found.steps, found.looks) == (("a", "b"), "shared", (0, 1, 2), 3)
    assert found.losses == near(3, 2)
    assert found.lengths == near(3, ROOT)
    assert found.norm_ratio == pytest.approx(3 / ROOT)
    for each in (*found.cosines, found.cosine):
        assert each[0] == near(1, -1 / ROOT)
        assert each[1] == near(-1 / ROOT, 1)
    assert found.error[0] == near(0, 0)
    assert found.conflicts == ((0, 1), (1, 0))
    assert found.conflict_rate == 1
    # Together they are (2, 1).
    assert found.to_mean == near(2 / math.sqrt(5), -1 / math.sqrt(10))
    assert found.condition == pytest.approx((1 + 1 / ROOT) / (1 - 1 / ROOT))
    assert found.noise == near(0, 0)
    # A step of 0.1 along (3, 0) takes 0.9 from the first loss and adds 0.3 to the second.
    assert found.affinity[0] == near(0.9 / 3, -0.3 / 2)
    assert found.affinity[1] == near(-0.3 / 3, 0.2 / 2)
    assert found.rate == 0.1


def test_the_affinity_is_what_a_small_step_does():
    w, losses = toy()
    watch = Diagnosis(["a", "b"])
    watch.look(losses())
    told = watch.report(1e-3).affinity
    before = {name: loss.item() for name, loss in losses().items()}
    (grad,) = torch.autograd.grad(losses()["a"], [w])
    with torch.no_grad():
        w -= 1e-3 * grad
    after = {name: loss.item() for name, loss in losses().items()}
    fall = [(before[name] - after[name]) / before[name] for name in ("a", "b")]
    assert told[0] == pytest.approx(fall, rel=1e-9)


def test_gradients_and_graph_are_left_alone():
    trunk, heads = nn.Linear(3, 4), [nn.Linear(4, 1) for _ in range(2)]
    features = trunk(torch.randn(5, 3)).relu()
    losses = {name: head(features).square().mean() for name, head in zip("ab", heads, strict=True)}
    for at in ("features", "shared", "auto"):
        watch = Diagnosis(["a", "b"], at=at)
        watch.look(losses)
    every = [trunk.weight, *(head.weight for head in heads)]
    assert all(each.grad is None for each in every)
    sum(losses.values()).backward()
    assert all(each.grad is not None for each in every)


def test_rows_of_a_batch_are_apart_at_features():
    trunk = nn.Linear(1, 1, bias=False)
    features = trunk(torch.tensor([[1.0], [2.0]])).tanh()
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    losses = {"a": (features[:, 0] * a).mean(), "b": (features[:, 0] * b).mean()}
    found = {}
    for at in ("features", "shared"):
        watch = Diagnosis(["a", "b"], at=at)
        if at == "features":
            watch.look(losses, features=features)
        else:
            watch.look(losses)
        found[at] = watch.report()
    assert found["features"].cosine[0][1] == 0  # each pulls at another row
    assert found["features"].noise is None
    assert found["shared"].cosine[0][1] == pytest.approx(1)


def test_features_are_found_where_all_heads_begin():
    trunk, heads = nn.Linear(3, 4), [nn.Linear(4, 1) for _ in range(2)]
    features = trunk(torch.randn(5, 3)).relu()
    losses = {name: head(features).square().mean() for name, head in zip("ab", heads, strict=True)}
    watch = Diagnosis(["b", "a"])
    watch.look(losses)
    found = watch.report()
    assert found.at == "features"
    grads = [torch.autograd.grad(losses[name], [features], retain_graph=True)[0] for name in "ba"]
    cosine = float(torch.cosine_similarity(grads[0].flatten(), grads[1].flatten(), dim=0))
    assert found.cosine[0][1] == pytest.approx(cosine, abs=1e-6)
    assert found.lengths == pytest.approx([float(grad.norm()) for grad in grads], rel=1e-6)


def test_chance_by_hand():
    w = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    pulls = [(1.0, 0.0), (1.0, 1.0)]
    # In common they have 1; their squares are 1 and 2. The second task sees no chance, the third
    # nothing but chance.
    batches = [
        {
            "a": w[0] * x + w[1] * y,
            "b": w.sum(),
            "c": w[place] * 1.0,
        }
        for place, (x, y) in enumerate(pulls)
    ]
    assert diagnose(batches).noise == near(1 / 3, 0, 1)


def test_chance_is_that_of_the_batches():
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(400, 6, generator=chance, dtype=torch.float64)
    y = x[:, 0] + torch.randn(400, generator=chance, dtype=torch.float64)
    w = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    each = -2 * y[:, None] * x
    signal = float(each.mean(0).square().sum())
    spread = float((each - each.mean(0)).square().sum(1).mean()) / 16
    wanted = spread / (signal + spread)

    def batches():
        for _ in range(400):
            rows = torch.randint(400, (16,), generator=chance)
            loss = (x[rows] @ w - y[rows]).square().mean()
            yield {"a": loss, "b": 2 * loss}

    assert diagnose(batches()).noise == pytest.approx((wanted, wanted), rel=0.05)


def test_long_gradients_are_compared_from_sketches():
    w = torch.zeros(50_000, requires_grad=True)
    chance = torch.Generator().manual_seed(0)
    base, losses = torch.randn(50_000, generator=chance), []
    for _ in range(6):
        pull = base + torch.randn(50_000, generator=chance)
        losses.append({"a": (w * pull).sum(), "b": (w * base).sum()})
    found = diagnose(losses)
    assert found.noise == pytest.approx((0.5, 0.0), abs=0.05)
    assert found.cosine[0][1] == pytest.approx(1 / ROOT, abs=0.01)  # from whole gradients


def test_absent_tasks_and_losses_that_are_not_finite_are_left_out():
    w = torch.tensor([1.0, 1.0], requires_grad=True)
    watch = Diagnosis(["a", "b", "c"])
    watch.look({"b": w[1] * 2, "a": w.sum()})
    watch.look({"a": w.sum(), "b": w[1] * math.nan})
    watch.look({"a": w.sum()})  # nothing to compare
    found = watch.report()
    assert found.steps == (0, 1)
    assert found.cosine[0][1] == pytest.approx(1 / ROOT)
    assert found.cosine[0][2] is found.lengths[2] is found.losses[2] is found.error[0][1] is None
    assert found.cosines[1][0] == (pytest.approx(1), None, None)
    assert found.conflict_rate == 0
    assert "which is too few" in found.sentence


def test_a_gradient_of_zero_is_at_right_angles_and_no_ratio():
    w = torch.tensor([1.0, 1.0], requires_grad=True)
    watch = Diagnosis(["a", "b", "c"])
    for _ in range(3):
        watch.look({"a": w.sum() * 0, "b": w[0] * 2, "c": w[1] * 3})
    found = watch.report()
    assert found.norm_ratio == pytest.approx(1.5)
    assert found.cosine[0][1] == 0
    assert found.to_mean[0] == 0
    assert found.condition == 1
    json.dumps(found.to_dict(), allow_nan=False)


def test_opposed_gradients_have_no_mean_and_a_large_condition():
    w = torch.tensor([1.0, 1.0], requires_grad=True)
    watch = Diagnosis(["a", "b"])
    watch.look({"a": w.sum(), "b": -w.sum()})
    found = watch.report()
    assert found.to_mean == (0, 0)
    assert 1e15 < found.condition < 1e16


def test_every_so_many_steps():
    _, losses = toy()
    watch = Diagnosis(["a", "b"], every=4)
    for _ in range(9):
        watch.look(losses())
    assert watch.report().steps == (0, 4, 8)


def test_a_report_is_plain_and_readable():
    _, found = looked()
    told = found.to_dict()
    assert set(told) == {each.name for each in fields(Findings)}
    assert json.loads(json.dumps(told, allow_nan=False))["cosine"][0][1] == found.cosine[0][1]
    text = str(found)
    assert "3 looks at gradients at shared, steps 0 to 2" in text
    assert "-0.71 (100%)" in text
    assert text.endswith(found.sentence)
    assert "noise" in text
    assert max(map(len, text.splitlines()[:-1])) < 80


def test_nothing_seen_is_said():
    found = Diagnosis(["a", "b"]).report()
    assert found.looks == 0
    assert "0 looks" in str(found)
    assert found.suggests == "Sum"
    json.dumps(found.to_dict(), allow_nan=False)


def gramian(lengths, cosines):
    lengths = torch.tensor(lengths, dtype=torch.float64)
    cosine = torch.tensor(cosines, dtype=torch.float64)
    return lengths[:, None] * cosine * lengths


def told(lengths, cosines, wobble=0.0, looks=6):
    tasks = [f"t{place}" for place in range(len(lengths))]
    signs = [(-1) ** place for place in range(looks)]
    base = torch.tensor(cosines, dtype=torch.float64)
    apart = 1 - torch.eye(len(lengths), dtype=torch.float64)
    each = torch.stack([gramian(lengths, (base + s * wobble * apart).tolist()) for s in signs])
    losses = torch.ones(looks, len(lengths), dtype=torch.float64)
    return numbers_of(tasks, "shared", list(range(looks)), losses, each)


def pair(cosine):
    return [[1.0, cosine], [cosine, 1.0]]


def test_little_to_balance_keeps_the_sum():
    found = told([1.0, 2.0], pair(0.3))
    assert (found.suggests, found.weights) == ("Sum", None)
    assert found.sentence.startswith(
        "Keep the sum, no balancer is likely to help: gradients differ"
    )
    assert "2-fold in length" in found.sentence
    assert "the worst: t0 and t1 at a cosine of 0.30 ± 0.00" in found.sentence


def test_conflict_that_may_be_chance_is_none():
    # Half of the looks are in conflict, at 0.3 to either side.
    found = told([1.0, 2.0], pair(-0.05), wobble=0.3)
    assert found.conflict_rate == 0.5
    assert "No two tasks pull apart beyond chance" in found.sentence
    assert "-0.05 ± 0.13" in found.sentence


def test_conflict_between_equals_keeps_the_sum_and_asks_for_room():
    found = told([1.0, 2.0, 1.0], [[1, -0.3, 0], [-0.3, 1, 0.2], [0, 0.2, 1]])
    assert (found.suggests, found.weights) == ("Sum", None)
    assert "t0 and t1 at a cosine of -0.30" in found.sentence
    assert "CGC or PLE" in found.sentence


def test_lengths_alone_are_evened_out_by_fixed_weights():
    found = told([1.0, 50.0, 4.0], [[1, 0.2, 0], [0.2, 1, 0], [0, 0, 1]])
    assert found.suggests == "Sum"
    assert found.weights is not None
    assert [w * size for w, size in zip(found.weights, (1, 50, 4), strict=True)] == pytest.approx(
        [found.weights[0]] * 3
    )
    # Together they are as long as before: 1 + 2500 + 16 + 2 * 0.2 * 50, and equal lengths.
    assert found.weights[0] ** 2 * 3.4 == pytest.approx(2517 + 20)
    assert "50-fold in length (t1 has the longest, t0 the shortest)" in found.sentence


def test_conflict_at_different_lengths_asks_for_a_bargain():
    found = told([1.0, 50.0], pair(-0.3))
    assert (found.suggests, found.weights) == ("NashMTL", None)
    assert found.sentence.startswith("NashMTL: gradients differ 50-fold in length, and tasks pull")


def test_many_tasks_in_conflict_are_evened_out_by_losses():
    size = 17
    lengths = [1.0 + 50 * (place == 3) for place in range(size)]
    cosines = torch.eye(size)
    assert told(lengths, cosines.tolist()).weights is not None
    cosines[0, 3] = cosines[3, 0] = -0.3
    found = told(lengths, cosines.tolist())
    assert found.suggests == "FAMO"
    assert "With 17 of them" in found.sentence
    assert "cosine (and" not in str(found)  # no table of 17 columns


def test_opposed_groups_are_named():
    a, b = 0.8, -0.7
    cosines = [[1, a, b, b], [a, 1, b, b], [b, b, 1, a], [b, b, a, 1]]
    found = told([1.0, 50.0, 1.0, 1.0], cosines)
    assert found.suggests == "Sum"
    assert "t0, t1 and t2, t3 want opposite things" in found.sentence
    assert "no balancer is likely to help" in found.sentence


def test_too_few_looks_say_nothing():
    found = told([1.0, 50.0], pair(-0.9), looks=2)
    assert found.suggests == "Sum"
    assert "too few" in found.sentence


def test_wrong_use_is_told():
    w, losses = toy()
    with pytest.raises(ConfigError, match="at least one task"):
        Diagnosis([])
    with pytest.raises(ConfigError, match=r"`every` of Diagnosis should be 1 step or more. Got 0"):
        Diagnosis(["a"], every=0)
    jaxtyping.config.update("jaxtyping_disable", True)  # it would find the wrong word first
    try:
        with pytest.raises(ConfigError, match=r'"features", "shared" or "auto". Got .losses.'):
            Diagnosis(["a"], at="losses")  # ty: ignore[invalid-argument-type]
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    watch = Diagnosis(["a", "b"])
    with pytest.raises(ValueError, match=r"Diagnosis is for the tasks .* Got a loss for 'c'"):
        watch.look({**losses(), "c": w.sum()})
    with pytest.raises(ValueError, match="should be a scalar for Diagnosis"):
        watch.look({"a": w * 1, "b": w.sum()})
    with pytest.raises(ValueError, match="has no graph"):
        watch.look({"a": w.sum().detach(), "b": w.sum()})
    other = torch.ones(1, requires_grad=True)
    with pytest.raises(ConfigError, match="there is nothing to balance"):
        watch.look({"a": w.sum(), "b": other.sum()})
    with pytest.raises(ConfigError, match="at least one batch of losses"):
        diagnose([])
    with pytest.raises(ConfigError, match="one place where the heads of"):
        Diagnosis(["a", "b"], at="features").look(losses())
