"""Two processes that train one model against one process on all rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from plait.balancing import UPGrad, backward
from plait.balancing._ranks import sketch

from .kit import TASKS, Case


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    meet = tmp_path_factory.mktemp("ranks") / "meet"
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", str(Path(__file__).parent / "rank.py"), str(meet)],
            env={**os.environ, "RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        done = [each.communicate(timeout=300) for each in running]
    finally:
        for each in running:
            each.kill()
    for each, (_, errors) in zip(running, done, strict=True):
        assert each.returncode == 0, errors
    return [json.loads(out.splitlines()[-1]) for out, _ in done]


def one(losses=None, **options):
    case, rule = Case(), UPGrad(TASKS)
    net = case.net()
    found, features = case.losses(net)
    if losses is not None:
        found = losses(case, net)
    if "features" in options:
        options["features"] = features
    if "over" in options:
        options["over"] = list(net.trunk[4].parameters())
    weights = backward(found, rule, **options)
    return weights, net.grads(), rule


def double(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def close(told, weights, grads, rtol=1e-9):
    for name, weight in weights.items():
        assert told["weights"][name] == pytest.approx(float(weight), rel=rtol)
    assert torch.allclose(double(told["trunk"]), grads[0], rtol=rtol, atol=1e-12)
    for mine, theirs in zip(told["heads"], grads[1], strict=True):
        assert torch.allclose(double(mine), theirs, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("exact", {}),
        ("features", {"features": True}),
        ("over", {"over": True}),
        ("counts", {}),
        ("sharded", {}),
        ("sharded features", {"features": True}),
    ],
)
def test_two_processes_are_one_on_all_rows(ranks, name, options):
    weights, grads, _ = one(**options)
    for each in ranks:
        close(each[name], weights, grads)


def test_the_sum_needs_nothing_of_it(ranks):
    case = Case()
    net = case.net()
    sum(case.losses(net)[0].values()).backward()
    for each in ranks:
        close(each["sum"], dict.fromkeys(TASKS, 1.0), net.grads())


def some_labels(have):
    """The loss where the second process has labels of some tasks only: that of all labels."""

    def losses(case, net):
        outputs, _ = net(case.x)
        return {
            name: ((outputs[i][:rows] - case.y[i][:rows]) ** 2).mean() * 10**i
            for i, (name, rows) in enumerate(zip(TASKS, have, strict=True))
        }

    return losses


@pytest.mark.parametrize("name", ["absent", "absent later"])
def test_a_task_may_be_absent_in_a_process(ranks, name):
    weights, grads, _ = one(some_labels([16, 8, 16]))
    for each in ranks:
        close(each[name], {k: weights[k] for k in each[name]["weights"]}, grads)
    assert set(ranks[1][name]["weights"]) == {"a", "c"}


def test_a_process_may_have_one_task_alone(ranks):
    weights, grads, _ = one(some_labels([8, 8, 16]))
    for each in ranks:
        close(each["alone"], {k: weights[k] for k in each["alone"]["weights"]}, grads)


def test_what_a_process_cannot_know_it_asks(ranks):
    assert ranks[1]["unknown"] == ranks[0]["unknown"]
    assert "Tell it: `over=list(trunk.parameters())`" in ranks[0]["unknown"]


def test_a_sketch_is_near(ranks):
    """Within its stated error: about one over the root of 2,048 columns, of the lengths."""
    _, _, rule = one()
    exact = rule.last.gramian
    lengths = exact.diagonal().sqrt()
    for each in ranks:
        near = double(each["sketch"]["gramian"])
        error = (near - exact) / lengths / lengths[:, None]
        assert error.abs().max() < 4 / 2048**0.5
        assert error.abs().max() > 0
    assert ranks[0]["sketch"]["gramian"] == ranks[1]["sketch"]["gramian"]
    assert ranks[0]["default"]["weights"] == ranks[1]["default"]["weights"]
    assert ranks[0]["default"]["gramian"] != ranks[0]["exact"]["gramian"]


def test_what_each_sees_alone_makes_gradients_longer(ranks):
    _, _, rule = one()
    local = double(ranks[0]["local"]["gramian"])
    assert bool((local.diagonal() > rule.last.gramian.diagonal()).all())
    case, halves = Case(), []
    for rows in (slice(0, 8), slice(8, 16)):
        net, alone = case.net(), UPGrad(TASKS)
        backward(case.losses(net, rows)[0], alone)
        halves.append(alone.last.gramian)
    assert torch.allclose(local, (halves[0] + halves[1]) / 2, rtol=1e-9)


def test_sketches_add_up():
    one, other = torch.randn(2, 3, 10_000, dtype=torch.float64)
    both = sketch(one, 5) + sketch(other, 5)
    assert torch.allclose(both, sketch(one + other, 5), rtol=1e-9)
    assert not torch.allclose(sketch(one, 5), sketch(one, 6))


def test_the_error_of_a_sketch_is_as_stated():
    rows = torch.randn(8, 20_000, dtype=torch.float64)
    cosine = torch.nn.functional.normalize(rows) @ torch.nn.functional.normalize(rows).T
    found = []
    for seed in range(20):
        small = sketch(torch.nn.functional.normalize(rows), seed)
        found.append(small @ small.T - cosine)
    spread = torch.stack(found).std()
    assert spread < 1.5 / 2048**0.5
    assert torch.stack(found).mean().abs() < 0.005
