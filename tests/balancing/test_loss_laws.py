"""What the methods that look at losses, and the wrappers, promise together."""

from copy import deepcopy

import pytest
import torch

from plait import balancing
from plait.balancing import Step

NAMES = ("a", "b", "c")
OPTIONS = {
    "Static": {},
    "Log": {},
    "Geometric": {},
    "Uncertainty": {},
    "UncertaintySoftmax": {},
    "DWA": {},
    "RandomLoss": {"seed": 7},
    "SmoothTchebycheff": {"mu": 0.5},
    "IMTLL": {},
    "FAMO": {},
    "Every": {"steps": 2, "of": {"name": "RandomLoss", "seed": 3}},
    "Smooth": {"beta": 0.6, "of": "FAMO"},
    "Freeze": {"after": 3, "of": "UPGrad"},
    "Normalize": {"by": "initial", "of": "UPGrad"},
    "Prefer": {"weights": {"a": 2.0, "b": 0.25}, "of": "UPGrad"},
}
each = pytest.mark.parametrize("name", OPTIONS)


def made(name, tasks=NAMES):
    return getattr(balancing, name)(tasks, **OPTIONS[name])


def step(seed, places=(0, 1, 2), tasks=3, order=None):
    """Losses and gradients that depend on the seed, of the tasks at these places."""
    source = torch.Generator().manual_seed(seed)
    losses = torch.rand(tasks, generator=source, dtype=torch.float64) * 4 + 0.1
    rows = torch.randn(tasks, 5, generator=source, dtype=torch.float64)
    kept = torch.tensor(order or places)
    gramian = (rows @ rows.T)[kept][:, kept]
    return Step(losses[kept], torch.arange(tasks) if order else kept, gramian)


def take(balancer, seen):
    """A step, with what the engine does beside asking."""
    weights = balancer.weights(seen)
    balancer.held[seen.index] = weights
    balancer.known = balancer.known.union(seen.index.tolist())
    balancer.steps += 1
    return weights


def run(balancer, seeds, **options):
    found = []
    for seed in seeds:
        found.append(take(balancer, step(seed, **options)))
        balancer.end_epoch()
    return torch.stack(found)


@each
def test_weights_are_double_and_have_no_graph(name):
    weights = take(made(name), step(0))
    assert weights.dtype == torch.float64
    assert weights.shape == (3,)
    assert not weights.requires_grad
    assert weights.isfinite().all()


@pytest.mark.parametrize("name", [each for each in OPTIONS if each not in ("RandomLoss", "Every")])
def test_the_order_of_tasks_does_not_matter(name):  # those two draw in the order of the tasks
    plain = run(made(name), range(5))
    turned = run(made(name, ("c", "a", "b")), range(5), order=[2, 0, 1])
    assert torch.allclose(turned, plain[:, [2, 0, 1]], rtol=1e-9, atol=1e-12)


@each
def test_an_absent_task_leaves_the_problem_of_the_others(name):
    wide, narrow = made(name), made(name) if name == "Prefer" else made(name, NAMES[:2])
    for seed in range(5):
        seen = step(seed, places=(0, 1))
        assert torch.equal(take(wide, seen), take(narrow, seen))
        wide.end_epoch()
        narrow.end_epoch()


@each
def test_the_state_of_an_absent_task_does_not_move(name):
    balancer = made(name)
    run(balancer, range(2))
    for parameter in balancer.parameters():
        parameter.grad = None
    before = {key: value[-1].clone() for key, value in kept(balancer).items()}
    run(balancer, range(2, 4), places=(0, 1))
    after = kept(balancer)
    for key, value in before.items():
        if not (name == "Freeze" and key == "held"):  # which it settles for all at once
            assert torch.equal(after[key][-1], value), key
    assert all(each.grad is None for key, each in balancer.named_parameters() if key[-1] == "2")


def kept(balancer):
    state = balancer.state_dict()
    return {key: each for key, each in state.items() if each.ndim and len(each) == 3}


@each
def test_a_run_that_goes_on_is_the_same_run(name, tmp_path):
    whole = made(name)
    run(whole, range(3))
    torch.save(whole.state_dict(), tmp_path / "state")
    resumed = made(name)
    resumed.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    assert all(isinstance(each, torch.Tensor) for each in whole.state_dict().values())
    assert torch.equal(run(whole, range(3, 8)), run(resumed, range(3, 8)))
    first, second = whole.state_dict(), resumed.state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@each
def test_the_global_generator_is_left_alone(name):
    before = torch.get_rng_state()
    run(deepcopy(made(name)), range(2))
    assert torch.equal(before, torch.get_rng_state())


def own(balancer, losses):
    """What the own weights of each task are pulled by."""
    numbers = torch.stack([loss.detach().double() for loss in losses.values()])
    shares = balancer.private(Step(numbers, torch.arange(len(numbers))))
    return dict(zip(losses, torch.ones(len(numbers)) if shares is None else shares, strict=True))


@each
def test_a_step_adds_weighted_gradients(name):
    trunk = torch.nn.Linear(3, 4)
    heads = torch.nn.ModuleList([torch.nn.Linear(4, 1) for _ in NAMES])
    rows = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))

    def losses():
        hidden = trunk(rows).tanh()
        return {
            task: (head(hidden) - place).square().mean() + 0.1
            for place, (task, head) in enumerate(zip(NAMES, heads, strict=True))
        }

    balancer = made(name)
    weights = balancer.backward(losses())
    told = losses()
    wanted = torch.autograd.grad(
        sum(weights[task].float() * told[task] for task in NAMES), list(trunk.parameters())
    )
    for leaf, grad in zip(trunk.parameters(), wanted, strict=True):
        assert torch.allclose(leaf.grad, grad, rtol=1e-4, atol=1e-6)
    for head, (task, loss) in zip(heads, losses().items(), strict=True):
        plain = torch.autograd.grad(loss, head.bias, retain_graph=True)[0]
        share = weights[task] if balancer.needs == "losses" else own(balancer, losses())[task]
        assert torch.allclose(head.bias.grad, share.float() * plain, rtol=1e-4, atol=1e-6)
    assert balancer.steps == 1
