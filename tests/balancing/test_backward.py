"""The engine: what comes into ``.grad``, in every way of computing it."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from plait._errors import ConfigError
from plait.balancing import Balancer, GradientBalancer, Sum, UPGrad, backward
from plait.balancing._call import Call
from plait.balancing._check import check
from plait.balancing._ranks import Ranks

from .kit import TASKS, Case

WAYS = {
    "shared": {},
    "streamed": {"stream": True},
    "features": {"at": "features"},
    "features told": {"features": True},
    "over": {"over": True},
}


def vector(weights) -> torch.Tensor:
    return torch.stack(list(weights.values())).double()


def run(case, rule, net=None, losses=None, **options):
    net = net or case.net()
    found, features = losses or case.losses(net)
    if options.get("features"):
        options["features"] = features
    if options.get("over"):
        options["over"] = list(net.trunk[4].parameters())
    return net, backward(found, rule, **options)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_shared_is_weighed_and_the_rest_is_left(way):
    case = Case()
    net, weights = run(case, UPGrad(TASKS), **WAYS[way])
    shared, own, _ = case.alone()
    trunk, heads = net.grads()
    assert torch.allclose(trunk, vector(weights) @ shared, rtol=1e-12, atol=1e-14)
    for mine, alone in zip(heads, own, strict=True):
        assert torch.allclose(mine, alone, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("way", "which"), [("shared", 0), ("streamed", 0), ("features", 2),
                                            ("features told", 2)])  # fmt: skip
def test_the_gramian_is_that_of_the_gradients(way, which):
    case, rule = Case(), UPGrad(TASKS)
    run(case, rule, **WAYS[way])
    rows = case.alone()[which]
    assert torch.allclose(rule.last.gramian, rows @ rows.T, rtol=1e-12)


def test_over_some_weights_only_those_are_compared():
    case, rule = Case(), UPGrad(TASKS)
    run(case, rule, over=True)
    last = case.alone()[0][:, -45:]  # of the last layer: 8 * 5 + 5
    assert torch.allclose(rule.last.gramian, last @ last.T, rtol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_it_adds_to_what_is_there(way):
    case = Case()
    one, _ = run(case, UPGrad(TASKS), **WAYS[way])
    net = case.net()
    for weight in net.parameters():
        weight.grad = torch.ones_like(weight)
    run(case, UPGrad(TASKS), net=net, **WAYS[way])
    for before, after in zip(one.parameters(), net.parameters(), strict=True):
        assert torch.allclose(after.grad, before.grad + 1, rtol=1e-12)


@pytest.mark.parametrize("way", ["shared", "streamed", "features"])
def test_an_absent_task_is_a_smaller_problem(way):
    case = Case()
    few, many = case.net(), case.net()
    losses, features = case.losses(few)
    small = UPGrad(("a", "c"))
    given = {name: losses[name] for name in ("a", "c")}
    run(case, small, few, (given, features), **WAYS[way])
    losses, features = case.losses(many)
    whole = UPGrad(TASKS)
    run(case, whole, many, ({"c": losses["c"], "a": losses["a"]}, features), **WAYS[way])
    assert torch.equal(few.grads()[0], many.grads()[0])
    assert many.heads[1].weight.grad is None
    assert whole.known == {0, 2}
    assert whole.held[1] == 0


@pytest.mark.parametrize("kind", [Sum, UPGrad])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_absent_and_counted(kind, bad):
    case = Case()
    net, rule = case.net(), kind(TASKS)
    losses, _ = case.losses(net)
    losses["b"] = losses["b"] * bad
    weights = backward(losses, rule)
    assert weights["b"] == 0
    assert rule.skipped.tolist() == [0, 1, 0]
    assert rule.last.skipped == ("b",)
    other, again = case.net(), kind(TASKS)
    losses, _ = case.losses(other)
    del losses["b"]
    backward(losses, again)
    for mine, theirs in zip(net.parameters(), other.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None)
        assert mine.grad is None or torch.equal(mine.grad, theirs.grad)


@pytest.mark.parametrize("way", ["shared", "features"])
def test_one_task_has_its_plain_gradient(way):
    case = Case()
    net = case.net()
    losses, features = case.losses(net)
    weights = run(case, UPGrad(TASKS), net, ({"b": losses["b"]}, features), **WAYS[way])[1]
    shared, own, _ = case.alone()
    assert weights == {"b": 1}
    assert torch.allclose(net.grads()[0], shared[1], rtol=1e-12)
    assert torch.allclose(net.grads()[1][1], own[1], rtol=1e-12)


def test_nothing_is_nothing():
    assert backward({}, UPGrad(TASKS)) == {}
    assert backward({}, Sum(TASKS)) == {}


def test_weights_are_held_between_refreshments():
    case, rule = Case(), UPGrad(TASKS)
    net = case.net()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    seen = []
    for _ in range(5):
        optimizer.zero_grad()
        losses, _ = case.losses(net)
        weights = backward(losses, rule, every=2)
        mine = {w: w.grad.clone() for w in net.parameters()}
        optimizer.zero_grad()
        losses, _ = case.losses(net)
        probe = UPGrad(TASKS)
        fresh = backward(losses, probe)
        seen.append(bool(torch.equal(vector(weights), vector(fresh))))
        for w, grad in mine.items():
            w.grad = grad
        optimizer.step()
    assert seen == [True, False, True, False, True]


def test_held_weights_leave_the_heads_alone():
    case, rule = Case(), UPGrad(TASKS)
    run(case, rule)
    net, weights = run(case, rule, every=10)
    shared, own, _ = case.alone()
    assert torch.allclose(net.grads()[0], vector(weights) @ shared, rtol=1e-12)
    for mine, alone in zip(net.grads()[1], own, strict=True):
        assert torch.allclose(mine, alone, rtol=1e-12)


def test_a_task_that_was_never_weighed_asks_for_new_weights():
    case, rule = Case(), UPGrad(TASKS)
    net = case.net()
    losses, _ = case.losses(net)
    backward({name: losses[name] for name in ("a", "b")}, rule, every=10)
    net.zero_grad()
    weights = run(case, rule, net, every=10)[1]
    assert torch.equal(vector(weights), vector(run(case, UPGrad(TASKS))[1]))


def in_parts(case, rule, parts=4, **options):
    net, size = case.net(), 16 // parts
    for part in range(parts):
        losses, _ = case.losses(net, slice(part * size, (part + 1) * size))
        weights = backward(losses, rule, micro=(part, parts), **options)
    return net, weights


def test_parts_of_a_step_are_exactly_the_step_where_asked():
    case, rule = Case(), UPGrad(TASKS)
    whole, wanted = run(case, UPGrad(TASKS))
    net, weights = in_parts(case, rule, exact=True)
    assert torch.allclose(vector(weights), vector(wanted), rtol=1e-10)
    for mine, theirs in zip(net.parameters(), whole.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, rtol=1e-10, atol=1e-13)
    assert rule.steps == 1


def test_the_first_part_weighs_for_all():
    case, rule = Case(), UPGrad(TASKS)
    net, weights = in_parts(case, rule)
    first = case.net()
    losses, _ = case.losses(first, slice(0, 4))
    assert torch.allclose(vector(weights), vector(backward(losses, UPGrad(TASKS))), rtol=1e-10)
    shared, own, _ = case.alone()
    assert torch.allclose(net.grads()[0], vector(weights) @ shared, rtol=1e-10)
    for mine, alone in zip(net.grads()[1], own, strict=True):
        assert torch.allclose(mine, alone, rtol=1e-10)


def test_a_part_may_have_labels_of_one_task_alone():
    """What is shared shows only over the whole step."""
    case, rule = Case(), UPGrad(TASKS)
    net, other = case.net(), case.net()
    for part, name in enumerate(TASKS):
        losses, _ = case.losses(net)
        backward({name: 3 * losses[name]}, rule, micro=(part, 3), exact=True)
    wanted = run(case, UPGrad(TASKS), other)[1]
    assert torch.allclose(rule.last.weights, vector(wanted), rtol=1e-10)
    for mine, theirs in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, rtol=1e-10, atol=1e-13)


def test_each_task_on_rows_of_its_own_costs_one_pass():
    """Where each row has one label, the losses share no node of the graph, only weights."""
    case = Case()
    net, rule = case.net(), UPGrad(TASKS)
    losses = {}
    for place, name in enumerate(TASKS):
        rows = slice(5 * place, 5 * place + 5)
        output = net.heads[place](net.trunk(case.x[rows]))
        losses[name] = ((output - case.y[place][rows]) ** 2).mean() * 10**place
    weights = vector(backward(losses, rule))
    alone = []
    for place, _ in enumerate(TASKS):
        other = case.net()
        rows = slice(5 * place, 5 * place + 5)
        output = other.heads[place](other.trunk(case.x[rows]))
        (((output - case.y[place][rows]) ** 2).mean() * 10**place).backward()
        alone.append(other.grads()[0])
    rows = torch.stack(alone)
    assert torch.allclose(rule.last.gramian, rows @ rows.T, rtol=1e-12)
    assert torch.allclose(net.grads()[0], weights @ rows, rtol=1e-12)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scale", [2.0**0, 2.0**16, 2.0**24])
def test_a_scaler_changes_nothing_but_the_scale(way, scale):
    case = Case(torch.float32)
    plain, weights = run(case, UPGrad(TASKS), **WAYS[way])
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    net, scaled = run(case, UPGrad(TASKS), scaler=scaler, **WAYS[way])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler.unscale_(optimizer)
    assert torch.allclose(vector(weights), vector(scaled), rtol=1e-4)
    for mine, theirs in zip(net.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_a_gradient_that_overflows_is_written_and_remembered_by_nobody():
    case, rule = Case(torch.float32), UPGrad(TASKS)
    run(case, rule)
    held, net = rule.held.clone(), case.net()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    before = copy.deepcopy(net.state_dict())
    run(case, rule, net, scaler=scaler)
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 2.0**126
    assert torch.equal(rule.held, held)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_half_precision_is_close():
    case = Case(torch.float32)
    plain, _ = run(case, UPGrad(TASKS))
    for way in ({}, {"stream": True}, {"at": "features"}):
        net = case.net()
        with torch.autocast("cpu", torch.bfloat16):
            losses = case.losses(net)
        run(case, UPGrad(TASKS), net, ({k: v.float() for k, v in losses[0].items()}, losses[1]),
            **way)  # fmt: skip
        one, other = net.grads()[0], plain.grads()[0]
        assert torch.nn.functional.cosine_similarity(one, other, 0) > (0.9 if way else 0.999)


@pytest.mark.parametrize("way", ["shared", "streamed", "features"])
def test_recomputed_activations_are_the_same(way):
    case = Case()
    plain, _ = run(case, UPGrad(TASKS), **WAYS[way])
    net = case.net()

    class Again(nn.Module):
        def forward(self, x):
            features = checkpoint(net.trunk, x, use_reentrant=False)
            return [head(features) for head in net.heads], features

    run(case, UPGrad(TASKS), net, case.losses(Again()), **WAYS[way])
    for mine, theirs in zip(net.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, rtol=1e-12)


@pytest.mark.parametrize("way", ["shared", "streamed", "features"])
def test_a_compiled_trunk_is_the_same(way):
    case = Case()
    plain, _ = run(case, UPGrad(TASKS), **WAYS[way])
    net = case.net()
    compiled = torch.compile(net.trunk, backend="aot_eager")

    class Fast(nn.Module):
        def forward(self, x):
            features = compiled(x)
            return [head(features) for head in net.heads], features

    for _ in range(2):
        net.zero_grad()
        run(case, UPGrad(TASKS), net, case.losses(Fast()), **WAYS[way])
        for mine, theirs in zip(net.parameters(), plain.parameters(), strict=True):
            assert torch.allclose(mine.grad, theirs.grad, rtol=1e-12)
        net.zero_grad()
        sum(case.losses(Fast())[0].values()).backward()


def test_heads_compiled_with_the_trunk_cannot_be_told_apart():
    case = Case()
    net = case.net()
    losses, _ = case.losses(torch.compile(net, backend="aot_eager"))
    with pytest.raises(ConfigError, match="Compile the shared part alone"):
        backward(losses, UPGrad(TASKS))
    losses, _ = case.losses(torch.compile(net, backend="aot_eager"))
    backward(losses, Sum(TASKS))
    assert net.heads[0].weight.grad is not None


def test_a_copy_has_no_scratch_memory():
    case, rule = Case(), UPGrad(TASKS)
    run(case, rule)
    assert rule.work.rows
    assert copy.deepcopy(rule).work.rows == {}
    assert rule.work.shared is not None


def test_scratch_memory_is_used_again():
    case, rule = Case(), UPGrad(TASKS)
    run(case, rule)
    place = rule.work.rows[0].data_ptr()
    run(case, rule)
    assert rule.work.rows[0].data_ptr() == place


class Sizes(GradientBalancer):
    """One over the length of each gradient."""

    def weights(self, step):
        return step.gramian.diagonal().rsqrt()


class Signs(Balancer):
    """The sign of the sum: a gradient that is no weighted sum."""

    needs, at = "jacobian", "shared"

    def weights(self, step):
        return step.losses.new_ones(len(step.losses))

    def direction(self, step):
        return step.rows.sum(0).sign()


@pytest.mark.parametrize("way", ["shared", "features"])
def test_a_rule_may_give_the_direction_itself(way):
    case = Case()
    net, _ = run(case, Signs(TASKS), **WAYS[way])
    shared, own, at = case.alone()
    trunk, heads = net.grads()
    if way == "shared":
        assert torch.equal(trunk, shared.sum(0).sign())
    else:
        other = case.net()
        _, features = case.losses(other)
        features.backward(at.sum(0).sign().view_as(features))
        assert torch.allclose(trunk, other.grads()[0], rtol=1e-12)
    assert torch.allclose(heads[2], own[2])


def test_a_direction_in_parts():
    case = Case()
    whole, _ = run(case, Signs(TASKS))
    net, _ = in_parts(case, Signs(TASKS), exact=True)
    assert torch.equal(net.grads()[0], whole.grads()[0])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"stream": True}, "needs it whole"),
        ({"every": 2}, "needs it whole"),
        ({"micro": (0, 2)}, "needs it whole"),
        ({"over": True}, "needs it whole"),
    ],
)
def test_what_a_direction_cannot_do(options, match):
    with pytest.raises(ConfigError, match=match):
        run(Case(), Signs(TASKS), **options)


def test_one_rule_of_ones_own():
    case = Case()
    _, weights = run(case, Sizes(TASKS))
    shared, _, _ = case.alone()
    lengths = shared.norm(dim=1)
    assert torch.allclose(vector(weights), 1 / lengths, rtol=1e-10)


def test_what_is_to_be_overridden():
    with pytest.raises(TypeError, match="leave `backward` as it is"):

        class Mine(Sum):
            def backward(self, losses):
                return {}


BAD = {
    "at": ({"at": "heads"}, "`at` should be one of losses, features, shared, auto. Got 'heads'"),
    "losses": ({"at": "losses"}, 'UPGrad looks at gradients: `at` should be "shared"'),
    "every": ({"every": 0}, "`every` should be 1 step or more"),
    "micro": ({"micro": (4, 4)}, r"`micro` should be .*from \(0, 4\)"),
    "stream": ({"at": "features", "stream": True}, "`stream` does not go with"),
    "over": ({"at": "features", "over": True}, "`over` does not go with"),
    "exact": ({"at": "features", "exact": True}, "`exact` does not go with"),
    "ranks": ({"ranks": "exact"}, "torch.distributed is not set up"),
    "which": ({"ranks": "sum"}, "`ranks` should be one of exact, sketch"),
}


@pytest.mark.parametrize("which", BAD)
def test_choices_that_do_not_fit(which):
    options, match = BAD[which]
    with pytest.raises(ConfigError, match=match):
        run(Case(), UPGrad(TASKS), **options)


@pytest.mark.parametrize("option", ["stream", "exact", "over", "features"])
def test_rules_of_losses_take_no_choices_about_gradients(option):
    with pytest.raises(ConfigError, match=f"Sum looks at losses alone.*`{option}`"):
        run(Case(), Sum(TASKS), **{option: True})


def test_losses_that_cannot_be_balanced():
    case = Case()
    net = case.net()
    losses, _ = case.losses(net)
    for given, match in {
        "name": "Got a loss for 'd'",
        "scalar": r"'a' should be a scalar for UPGrad. Got a tensor of shape \[2\]",
        "graph": "'a' should depend on weights that are trained, for UPGrad. It has no graph",
    }.items():
        wrong = {
            "name": {"d": losses["a"]},
            "scalar": {"a": losses["a"].expand(2)},
            "graph": {"a": losses["a"].detach()},
        }[given]
        with pytest.raises(ValueError, match=match):
            backward({**losses, **wrong}, UPGrad(TASKS))


def test_nothing_shared():
    one, two = (torch.tensor(1.0, requires_grad=True) for _ in range(2))
    with pytest.raises(ConfigError, match="No weight is reached by two of the losses"):
        backward({"a": 2 * one, "b": 3 * two}, UPGrad(("a", "b")))


def test_weights_that_no_loss_reaches():
    case = Case()
    net = case.net()
    losses, _ = case.losses(net)
    lost = torch.zeros(3, requires_grad=True)
    with pytest.raises(ConfigError, match=r"Number 1, of shape \[3\], is reached by none of"):
        backward(losses, UPGrad(TASKS), over=[net.trunk[0].weight, lost])


def test_features_that_are_none():
    case = Case()
    net = case.net()
    losses, features = case.losses(net)
    for wrong, match in [
        (features.detach(), "Number 0 has no graph"),
        (net.trunk(case.x), "is reached by none of"),
    ]:
        with pytest.raises(ConfigError, match=match):
            backward(losses, UPGrad(TASKS), features=wrong)


def test_features_that_are_not_all():
    case = Case()
    net = case.net()
    hidden = net.trunk[:2](case.x)
    features = net.trunk[2:](hidden)
    losses = {
        name: (head(features).mean() + hidden.mean()) * place
        for place, (name, head) in enumerate(zip(TASKS, net.heads, strict=True), 1)
    }
    with pytest.raises(ConfigError, match="All that is shared should lie behind `features`"):
        backward(losses, UPGrad(TASKS), features=features)
    with pytest.raises(ConfigError, match="There should be one place where the heads"):
        backward(losses, UPGrad(TASKS), at="features")
    with pytest.raises(ConfigError, match="One is reached past them"):
        backward(losses, UPGrad(TASKS), features=[features, hidden])


def test_several_features():
    case = Case()
    shared, rule, net = None, UPGrad(TASKS), case.net()
    one, two = net.trunk[:3](case.x), net.trunk(case.x)
    losses = {
        name: ((head(two) + one.mean(1, keepdim=True) * place) ** 2).mean()
        for place, (name, head) in enumerate(zip(TASKS, net.heads, strict=True), 1)
    }
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(loss, [one, two], retain_graph=True)])
        for loss in losses.values()
    ]
    shared = torch.stack(rows)
    backward(losses, rule, at="features")
    assert torch.allclose(rule.last.gramian, shared @ shared.T, rtol=1e-12)


def test_parts_in_which_weights_rest_take_those_that_are_held():
    """As a step in one part: no gradients are gathered, and none are compared."""
    found = []
    for parts in (1, 2):
        case, rule, net = Case(), UPGrad(TASKS), Case().net()
        seen = []
        for _ in range(3):
            net.zero_grad()
            for part in range(parts):
                rows = slice(16 * part // parts, 16 * (part + 1) // parts)
                losses, _ = case.losses(net, rows)
                weights = backward(losses, rule, every=2, micro=(part, parts), exact=parts > 1)
                assert (rule.work.window is None) == (
                    parts == 1 or part == 1 or rule.steps == 1  # that of an even number looks
                )
            seen.append(net.grads()[0])
            with torch.no_grad():
                for weight in net.parameters():
                    weight -= 0.01 * weight.grad
        found.append((torch.stack(seen), vector(weights)))
    for mine, whole in zip(*found, strict=True):
        assert torch.allclose(mine, whole, rtol=1e-9)


def test_weights_of_parts_are_found_in_the_first_that_has_two_tasks():
    case, rule = Case(), UPGrad(TASKS)
    for step in range(2):
        net = case.net()
        first, _ = case.losses(net, slice(0, 8))
        alone = backward({"c": first["c"]}, rule, micro=(0, 3))
        before = rule.held.clone()
        assert float(alone["c"]) == (float(before[2]) if step else 1)
        second, _ = case.losses(net, slice(8, 16))
        scaled = {name: loss * (1 + step) ** place for place, (name, loss) in
                  enumerate(second.items())}  # fmt: skip
        weights = backward(scaled, rule, micro=(1, 3))
        assert not torch.equal(rule.held, before)
        assert torch.equal(vector(weights), rule.held)
        third, _ = case.losses(net)
        assert torch.equal(vector(backward(third, rule, micro=(2, 3))), rule.held)


def test_held_weights_go_by_what_is_shared_now():
    """As they do where they are found: a weight that one task reaches alone is its own."""
    wide, narrow = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)

    def losses():
        return {
            "a": (wide * narrow).sum() ** 2,
            "b": (3 * wide[0] - wide[1]) ** 2,
            "c": narrow[0] * 5,
        }

    rule = UPGrad(TASKS)
    backward(losses(), rule)
    narrow.grad = None
    some = losses()
    del some["c"]
    backward(some, rule, every=5)  # held
    assert torch.equal(narrow.grad, torch.tensor([4.0, 4.0]))


def test_a_total_that_is_not_finite_is_an_absent_task():
    w = torch.ones(2, requires_grad=True)
    rule = Sum(["a", "b"])
    totals = {"a": torch.tensor(math.nan), "b": torch.tensor(1.0)}
    weights = backward({"a": w[0], "b": w[1]}, rule, totals=totals)
    assert vector(weights).tolist() == [0, 1]
    assert w.grad.tolist() == [0, 1]
    assert rule.skipped.tolist() == [1, 0]
    assert backward({}, rule, micro=(1, 2), totals=totals) == {}  # a part without a label
    with pytest.raises(ConfigError, match=r"`totals` should have .* for Sum\. It lacks \['b'\]"):
        backward({"a": w[0], "b": w[1]}, rule, totals={"a": torch.tensor(1.0)})


def test_over_takes_parameters_as_a_module_hands_them_out():
    found = []
    for listed in (True, False):
        case, rule, net = Case(), UPGrad(TASKS), Case().net()
        some = net.trunk[4].parameters()
        backward(
            case.losses(net)[0], rule, over=[*some, *net.trunk[4].parameters()] if listed else some
        )
        found.append(rule.last.gramian)
    assert torch.equal(*found)  # each counts once
    case, net = Case(), Case().net()
    rule = UPGrad(TASKS)
    backward(case.losses(net)[0], rule, over=net.trunk[4].weight)
    assert rule.last.gramian[0, 0] < found[0][0, 0]
    with pytest.raises(ConfigError, match=r"`over` should name one weight or more"):
        backward(case.losses(net)[0], rule, over=[])


def test_losses_are_tensors_by_name():
    w = torch.tensor(1.0, requires_grad=True)
    with pytest.raises(
        ValueError, match=r"UPGrad should be given a dict .*'a': \.\.\..*Got a list"
    ):
        check("UPGrad", ["a"], [w])
    with pytest.raises(ValueError, match=r"loss of 'a' should be a tensor .* Got a float"):
        check("UPGrad", ["a"], {"a": 0.5})


def test_each_process_has_a_finite_loss():
    """Said before anything travels: the others would wait without end."""
    w = torch.tensor(1.0, requires_grad=True)
    for losses in ({}, {"a": w * math.nan}):
        with pytest.raises(ConfigError, match=r"Each process should have a finite loss .* for Sum"):
            backward_in_two(losses)
    with pytest.raises(ConfigError, match=r"`counts` should have a number for each loss.*\['a'\]"):
        backward_in_two({"a": w}, counts={"b": 1})


def backward_in_two(losses, counts=None):
    ranks = Ranks("sketch", 2)
    none = {"parts": 1, "totals": None, "scaler": None, "check": True}
    return Call.of(losses, Sum(["a", "b"]), ranks=ranks, counts=counts, **none)
