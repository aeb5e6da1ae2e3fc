import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from plait.balancing import FAMO, Step

NAMES = ["a", "b", "c"]


def step(losses, index=None):
    index = torch.arange(len(losses)) if index is None else torch.tensor(index)
    return Step(torch.as_tensor(losses, dtype=torch.float64), index)


class Published:
    """Algorithm 1 as the authors' code has it, with the optimizer of torch."""

    def __init__(self, tasks, lr=0.025, gamma=1e-3, least=0.0):
        self.least = least
        self.logits = torch.zeros(tasks, dtype=torch.float64, requires_grad=True)
        self.optimizer = torch.optim.Adam([self.logits], lr=lr, weight_decay=gamma)

    def weights(self, losses):
        self.before = losses
        shares = self.logits.detach().softmax(0)
        above = losses - self.least + 1e-8
        return shares / above / (shares / above).sum()

    def update(self, losses):
        fall = (self.before - self.least + 1e-8).log() - (losses - self.least + 1e-8).log()
        shares = self.logits.softmax(0)
        self.logits.grad = torch.autograd.grad(shares, self.logits, fall)[0]
        self.optimizer.step()


def falling(seed=0, steps=30):
    source = torch.Generator().manual_seed(seed)
    start = torch.tensor([1e-6, 2.0, 1e6], dtype=torch.float64)
    factors = 0.7 + 0.5 * torch.rand(steps, 3, generator=source, dtype=torch.float64)
    return start * factors.cumprod(0)


@pytest.mark.parametrize("gamma", [0.0, 1e-3, 0.3])
def test_amortized_it_is_the_published_rule_read_one_step_later(gamma):
    balancer, reference = FAMO(NAMES, gamma=gamma), Published(3, gamma=gamma)
    every = falling()
    for place, losses in enumerate(every):
        if place:
            reference.update(losses)
        found = balancer.weights(step(losses))
        assert torch.allclose(found, reference.weights(losses), rtol=1e-9, atol=0)
        assert float(found.sum()) == pytest.approx(1, rel=1e-12)
    assert torch.allclose(balancer.logits, reference.logits.detach(), rtol=1e-9)
    assert balancer.logits.abs().max() > 0.05


def test_observed_it_is_the_published_rule():
    balancer = FAMO(NAMES, amortized=False, lr=0.1, least={"a": -1.0, "b": -1.0, "c": -1.0})
    reference = Published(3, lr=0.1, least=-1.0)
    every = falling(1)
    for before, after in zip(every[::2], every[1::2], strict=True):
        found = balancer.weights(step(before))
        assert torch.allclose(found, reference.weights(before), rtol=1e-9, atol=0)
        balancer.observe(dict(zip(NAMES, after, strict=True)))
        reference.update(after)
    assert torch.allclose(balancer.logits, reference.logits.detach(), rtol=1e-9)


def written_out(every, lr=0.025, gamma=1e-3):
    """The rule for labels that come and go, number by number."""
    state = {name: [0.0, 0.0, 0.0, 0] for name in range(3)}
    before, found = {}, []
    for losses in every:
        logs = {name: math.log(loss + 1e-8) for name, loss in losses.items()}
        both = [name for name in losses if name in before]
        if len(both) > 1:
            powers = {name: math.exp(state[name][0]) for name in both}
            shares = {name: powers[name] / sum(powers.values()) for name in both}
            falls = {name: before[name] - logs[name] for name in both}
            mean = sum(shares[name] * falls[name] for name in both)
            for name in both:
                logit, first, second, moves = state[name]
                grad = shares[name] * (falls[name] - mean) + gamma * logit
                first, second = 0.9 * first + 0.1 * grad, 0.999 * second + 0.001 * grad**2
                moves += 1
                size = math.sqrt(second / (1 - 0.999**moves)) + 1e-8
                logit -= lr * first / (1 - 0.9**moves) / size
                state[name] = [logit, first, second, moves]
        pulls = {name: math.exp(state[name][0] - log) for name, log in logs.items()}
        found.append([pull / sum(pulls.values()) for pull in pulls.values()])
        before = logs
    return found


masks = st.lists(st.sets(st.integers(0, 2), min_size=1), min_size=2, max_size=12)


@settings(max_examples=25, deadline=None)
@given(masks, st.integers(0, 99))
def test_labels_that_come_and_go(there, seed):
    balancer, every = FAMO(NAMES), falling(seed, len(there))
    told = [
        {name: float(losses[name]) for name in sorted(names)}
        for names, losses in zip(there, every, strict=True)
    ]
    for losses, wanted in zip(told, written_out(told), strict=True):
        found = balancer.weights(step(list(losses.values()), list(losses)))
        assert found.tolist() == pytest.approx(wanted, rel=1e-9)


def test_what_is_not_observed_moves_nothing():
    balancer = FAMO(NAMES, amortized=False)
    for losses in falling(steps=3):
        balancer.weights(step(losses))
    assert balancer.logits.tolist() == [0, 0, 0]
    balancer.observe({"a": torch.tensor(1.0), "b": torch.tensor(float("nan"))})
    assert balancer.moves.tolist() == [0, 0, 0]  # one task alone has no balance
    balancer.weights(step([1.0, 1.0, 1.0]))
    losses = {"a": torch.tensor(1.0), "b": torch.tensor(0.5), "c": torch.tensor(torch.nan)}
    balancer.observe(losses)
    assert balancer.moves.tolist() == [1, 1, 0]
    before = balancer.logits.clone()
    balancer.observe(losses)  # of one step there is one fall
    assert torch.equal(balancer.logits, before)


def test_equal_falls_move_nothing():
    balancer = FAMO(NAMES, gamma=0.0)
    losses = torch.tensor([1e5, 2e6, 3e7])
    for place in range(6):
        balancer.weights(step(losses * 0.5**place))
    assert balancer.logits.abs().max() < 1e-3  # but for the 1e-8 in the logarithms


def test_a_task_counts_its_own_steps():
    balancer, alone = FAMO(NAMES), FAMO(["a", "b"])
    every = falling(2, 12)
    for losses in every[:6]:
        balancer.weights(step(losses[:2], [0, 1]))
        alone.weights(step(losses[:2]))
    assert torch.equal(balancer.logits[:2], alone.logits)
    assert balancer.logits[2] == 0
    for losses in every[6:]:
        balancer.weights(step(losses))
    assert balancer.moves.tolist() == [11, 11, 5]  # the first of c has nothing before it
    assert balancer.logits[2] != 0


def test_only_tasks_in_both_steps_are_compared():
    balancer = FAMO(NAMES)
    balancer.weights(step([1.0, 2.0], [0, 1]))
    balancer.weights(step([1.0, 2.0], [1, 2]))
    assert balancer.moves.tolist() == [0, 0, 0]
    balancer.weights(step([5.0, 1.0, 2.5], [0, 1, 2]))
    assert balancer.moves.tolist() == [0, 1, 1]
    two = torch.zeros(2, dtype=torch.float64)
    assert torch.allclose(balancer.logits[1:] - balancer.logits[1:].mean(), two, atol=0.03)


def test_slow_tasks_gain():
    balancer = FAMO(["fast", "slow"])
    for place in range(20):
        balancer.weights(step([0.8**place, 1.0]))
    shares = balancer.logits.softmax(0)
    assert shares[1] > 0.6


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"The loss of 'b' should not fall below 0 for FAMO"):
        FAMO(["a", "b"]).weights(step([1.0, -0.5]))
    FAMO(["a", "b"], least={"b": -1.0}).weights(step([0.0, -0.5]))  # zero is no harm
    with pytest.raises(ValueError, match="Build it with `amortized=False`"):
        FAMO(["a"]).observe({"a": torch.tensor(1.0)})
    with pytest.raises(ValueError, match=r"Got a loss for 'clic'. Did you mean 'click'"):
        FAMO(["click"], amortized=False).observe({"clic": torch.tensor(1.0)})
    with pytest.raises(ValueError, match="`lr` of FAMO should be 0 or more"):
        FAMO(["a"], lr=-1.0)
