"""Auto looks, decides by the rules, and keeps to it."""

import io

import pytest
import torch
from torch import nn

from plait import Learner, Training, balancing
from plait._catalogue import find
from plait._errors import ConfigError
from plait.balancing import Auto, Balancer, NashMTL, UPGrad, backward


def losses_of(w, lengths, cosine):
    """Two or more losses with gradients of these lengths, the first two at this cosine."""
    pulls = torch.eye(len(w), dtype=w.dtype)[: len(lengths)].clone()
    pulls[1] = cosine * pulls[0] + (1 - cosine**2) ** 0.5 * pulls[1]
    names = [f"t{place}" for place in range(len(lengths))]
    return {
        name: length * (w @ pull) + 2.0
        for name, length, pull in zip(names, lengths, pulls, strict=True)
    }


def trained(balancer, lengths, cosine, steps):
    w = torch.zeros(max(len(lengths), 2), dtype=torch.float64, requires_grad=True)
    for _ in range(steps):
        weights = balancer.backward(losses_of(w, lengths, cosine))
    return w, weights


def test_the_name_is_found_in_any_case():
    assert find(balancing, Balancer, "auto") is Auto


def test_the_sum_until_it_is_decided():
    balancer = Auto(["t0", "t1"], probe=6, every=2)
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    for step in range(6):
        assert balancer.choice is None
        assert balancer.sentence.startswith("The sum so far: nothing is decided before step 6")
        w.grad = None
        weights = balancer.backward(losses_of(w, [1.0, 50.0], 0.5))
        assert list(map(float, weights.values())) == [1, 1]
        assert w.grad.tolist() == pytest.approx([26, 50 * 0.75**0.5])
        last = balancer.last
        assert (last is not None and last.gramian is not None) == (step >= 0)
    assert balancer.choice is not None
    assert balancer.findings.steps == (0, 2, 4)
    assert balancer.findings.norm_ratio == pytest.approx(50)


def test_looks_cost_nothing_in_between(monkeypatch):
    called = []
    grad = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: called.append(1) or grad(*a, **k))
    balancer = Auto(["t0", "t1"], probe=7, every=3)
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    counts = []
    for _ in range(9):
        called.clear()
        balancer.backward(losses_of(w, [1.0, 1.0], 0.5))
        counts.append(len(called))
    assert counts == [2, 0, 0, 2, 0, 0, 2, 0, 0]


def test_a_probe_without_room_is_refused():
    with pytest.raises(ConfigError, match=r"room for three looks.*probe=10 and every=5"):
        Auto(["a", "b"], probe=10, every=5)


CASES = {
    "Sum": ([1.0, 1.0], 0.5),
    "fixed": ([1.0, 50.0], 0.5),
    "NashMTL": ([1.0, 50.0], -0.4),
    "FAMO": ([1.0, 50.0, *[1.0] * 15], -0.4),
}


def decided(case, steps=6):
    lengths, cosine = CASES[case]
    balancer = Auto([f"t{place}" for place in range(len(lengths))], probe=6, every=2)
    return balancer, *trained(balancer, lengths, cosine, steps)


@pytest.mark.parametrize("case", CASES)
def test_it_decides_by_the_rules_and_keeps_to_it(case):
    balancer, *_ = decided(case)
    assert balancer.choice == ("Sum" if case == "fixed" else case)
    assert balancer.sentence == balancer.findings.sentence
    said = balancer.sentence
    assert balancer.needs == ("gramian" if case == "NashMTL" else "losses")
    # What comes later is another case, and changes nothing.
    trained(balancer, CASES["Sum"][0] + [1.0] * (len(balancer.tasks) - 2), 0.9, 7)
    assert (balancer.sentence, balancer.findings.looks) == (said, 3)


def test_fixed_weights_make_gradients_equally_long_and_go_to_all_that_a_task_has():
    balancer, _, weights = decided("fixed", 7)
    assert float(weights["t0"]) == pytest.approx(50 * float(weights["t1"]))
    shared, own = torch.ones(2, requires_grad=True), torch.ones(1, requires_grad=True)
    balancer.backward({"t0": shared[0] * own.sum(), "t1": shared[1] * 3})
    assert float(own.grad) == pytest.approx(float(weights["t0"]))


def test_the_method_is_the_method():
    balancer, w, weights = decided("NashMTL", 7)
    w.grad = None
    again = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    alone = NashMTL(["t0", "t1"]).backward(losses_of(again, *CASES["NashMTL"]))
    ratio = [float(weights[task] / alone[task]) for task in alone]
    assert ratio[0] == pytest.approx(ratio[1])
    # As long as the sum was: the gradient of the last step, and that of any in the probe.
    probe = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    sum(losses_of(probe, *CASES["NashMTL"]).values()).backward()
    (pull,) = torch.autograd.grad(
        sum(
            weight * loss
            for weight, loss in zip(
                weights.values(), losses_of(again, *CASES["NashMTL"]).values(), strict=True
            )
        ),
        [again],
    )
    assert float(pull.norm()) == pytest.approx(float(probe.grad.norm()))
    assert balancer.method is not None
    assert balancer.method.steps == balancer.steps == 7


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("at", [4, 6, 8])
def test_a_state_resumes_with_what_was_decided(case, at):
    lengths, cosine = CASES[case]
    whole, *_ = decided(case, at)
    fresh = Auto(whole.tasks, probe=6, every=2)
    fresh.load_state_dict(kept(whole))
    assert (fresh.choice, fresh.needs, fresh.at) == (whole.choice, whole.needs, whole.at)
    assert fresh.sentence == whole.sentence
    for _ in range(4):
        wanted, got = (trained(each, lengths, cosine, 1) for each in (whole, fresh))
        assert [float(each) for each in got[1].values()] == list(map(float, wanted[1].values()))
        assert torch.equal(got[0].grad, wanted[0].grad)
    assert fresh.choice == whole.choice is not None
    again = kept(fresh)
    assert all(torch.equal(again[name], each) for name, each in kept(whole).items())


def test_heads_are_looked_at_where_they_begin_if_they_do():
    torch.manual_seed(0)
    trunk, heads = nn.Linear(3, 4), nn.ModuleList(nn.Linear(4, 1) for _ in range(2))
    x = torch.randn(8, 3)

    def losses():
        features = trunk(x).relu()
        return features, {f"t{p}": head(features).square().mean() for p, head in enumerate(heads)}

    balancer = Auto(["t0", "t1"], probe=6, every=2)
    features, found = losses()
    pulls = [torch.autograd.grad(loss, [features], retain_graph=True)[0] for loss in found.values()]
    balancer.backward(found)
    wanted = torch.stack([pull.flatten() for pull in pulls])
    assert balancer.last is not None
    torch.testing.assert_close(balancer.last.gramian.float(), wanted @ wanted.T)
    plain = [each.grad.clone() for each in (trunk.weight, heads[1].weight)]
    trunk.weight.grad = heads[1].weight.grad = None
    sum(losses()[1].values()).backward()
    torch.testing.assert_close(plain, [trunk.weight.grad, heads[1].weight.grad])


def test_choices_of_a_call_are_taken_whatever_was_decided():
    for case in ("Sum", "NashMTL"):
        balancer, *_ = decided(case)
        w = torch.ones(2, dtype=torch.float64, requires_grad=True)
        weights = backward(losses_of(w, *CASES[case]), balancer, over=[w], every=3)
        assert len(weights) == 2
        for part in range(2):
            backward(losses_of(w, *CASES[case]), balancer, micro=(part, 2), exact=True)
        assert balancer.steps == 8


def test_parts_of_a_step_are_one_look():
    balancer = Auto(["t0", "t1"], probe=6, every=2)
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    for _ in range(6):
        for part in range(2):
            backward(losses_of(w, *CASES["fixed"]), balancer, micro=(part, 2), exact=True)
    assert balancer.steps == 6
    assert balancer.choice == "Sum"
    assert balancer.findings.weights is not None


def test_tasks_that_never_meet_are_told_so():
    balancer = Auto(["t0", "t1"], probe=6, every=2)
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    for step in range(6):
        name = f"t{step % 2}"
        balancer.backward({name: losses_of(w, [1.0, 1.0], 0.5)[name]})
    assert balancer.choice == "Sum"
    assert "0 looks" in balancer.sentence


def kept(balancer):
    """Through a file, as a run does it."""
    file = io.BytesIO()
    torch.save(balancer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_a_learner_takes_it_by_name():
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(80, 3, generator=chance)
    table = {"x": x, "a": x[:, 0], "b": x[:, 1] + x[:, 0]}
    learner = Learner(
        ["a", "b"],
        balancing={"name": "auto", "probe": 4, "every": 1},
        width=8,
        valid=0.0,
        training=Training(epochs=8, batch_size=20, accumulate=2),
    )
    history = learner.fit(table).history
    assert set(history.epochs[-1].weights) == {"a", "b"}
    assert history.balancing.startswith("Keep the sum")
    assert history.lines[-1] == {"stage": "balancing", "sentence": history.balancing}


def test_the_place_is_found_for_any_method():
    trunk, heads = nn.Linear(3, 4), nn.ModuleList(nn.Linear(4, 1) for _ in range(2))
    x = torch.randn(8, 3)

    def gramian(at, once_more):
        features = trunk(x).tanh()
        found = {f"t{p}": head(features).square().mean() for p, head in enumerate(heads)}
        if once_more:  # heads no longer begin in one place
            found["t0"] = found["t0"] + trunk.weight.square().sum()
        balancer = UPGrad(list(found))
        backward(found, balancer, at=at)
        assert balancer.last is not None
        return balancer.last.gramian

    torch.testing.assert_close(gramian("auto", False), gramian("features", False))
    torch.testing.assert_close(gramian("auto", True), gramian("shared", True))
