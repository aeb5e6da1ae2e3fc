"""DBMTL against the loop of the paper."""

import pytest
import torch

from plait.balancing import DBMTL

from .gradients import DECADES, balancer, close, gradients, step

LOSSES = [0.5, 20.0, 3.0]


def test_equal_lengths_as_long_as_the_longest():
    rows = gradients(3, 7, DECADES, 0)
    over = rows / torch.tensor(LOSSES, dtype=torch.float64)[:, None]
    lengths = over.norm(dim=1)
    expected = (lengths.max() / lengths)[:, None] * over
    found = balancer(DBMTL, 3).weights(step(rows, losses=LOSSES))
    torch.testing.assert_close(found[:, None] * rows, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("beta", [0.1, 0.9])
def test_with_gradients_kept_as_written_in_the_paper(beta):
    rule = balancer(DBMTL, 3, beta=beta)
    assert rule.needs == "jacobian"
    kept = torch.zeros(3, 7, dtype=torch.float64)
    for turn in range(3):
        rows = gradients(3, 7, 3.0, turn)
        losses = [loss / (turn + 1) for loss in LOSSES]
        kept = beta * kept + (1 - beta) * rows / torch.tensor(losses, dtype=torch.float64)[:, None]
        lengths = kept.norm(dim=1)
        expected = ((lengths.max() / lengths)[:, None] * kept).sum(0)
        there = step(rows, losses=losses)
        weights = rule.weights(there)
        assert close(rule.direction(there), expected)
        torch.testing.assert_close(weights, lengths.max() / lengths / there.losses)


def test_absent_tasks_keep_theirs():
    rule = balancer(DBMTL, 3, beta=0.5)
    rule.weights(step(gradients(3, 7, 0.0, 0)))
    before = rule.rows.clone()
    there = step(gradients(2, 7, 0.0, 1), index=[0, 2])
    rule.weights(there)
    assert torch.equal(rule.rows[1], before[1])
    assert not torch.equal(rule.rows[0], before[0])
    lengths = rule.rows[[0, 2]].norm(dim=1)
    expected = (lengths.max() / lengths) @ rule.rows[[0, 2]]
    assert close(rule.direction(there), expected)


def test_gradients_kept_are_loaded_into_a_fresh_one():
    first = balancer(DBMTL, 3, beta=0.5)
    first.weights(step(gradients(3, 7, 0.0, 0)))
    second = balancer(DBMTL, 3, beta=0.5)
    second.load_state_dict(first.state_dict())
    there = step(gradients(3, 7, 0.0, 1))
    assert torch.equal(first.weights(there), second.weights(there))
    assert torch.equal(first.direction(there), second.direction(there))


def test_own_weights_follow_the_logarithm():
    shared, own = (torch.ones(2, requires_grad=True) for _ in range(2))
    rule = DBMTL(["a", "b"])
    rule.backward({"a": (shared * own).sum(), "b": 5 * shared.sum()})
    assert own.grad.tolist() == [0.5, 0.5]
    # Both have a length of sqrt(2) / 2 over their loss.
    assert shared.grad.tolist() == [1, 1]


def test_through_the_engine_with_gradients_kept():
    w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    rule = DBMTL(["a", "b"], beta=0.5)
    rule.backward({"a": w[0], "b": w[1]})
    assert w.grad.tolist() == [0.5, 0.5]  # half of what is new, over 1 and over 2, made alike


def test_where_it_does_not_go():
    with pytest.raises(ValueError, match="belong to other rows"):
        DBMTL(["a"], beta=0.5, at="features")
    rule = balancer(DBMTL, 2, beta=0.5)
    rule.weights(step(gradients(2, 5, 0.0, 0)))
    with pytest.raises(ValueError, match="keeps gradients of 5 shared weights"):
        rule.weights(step(gradients(2, 6, 0.0, 0)))
    with pytest.raises(ValueError, match="loss of '1' should be above zero for DBMTL"):
        rule.weights(step(gradients(2, 5, 0.0, 0), losses=[1.0, -1.0]))


def test_a_state_of_any_step_can_be_taken():
    def stepped(balancer, size):
        w = torch.ones(size, requires_grad=True)
        balancer.backward({"a": 2 * w[0], "b": w.sum()})
        return balancer

    new = {name: each.clone() for name, each in DBMTL(["a", "b"], beta=0.5).state_dict().items()}
    balancer = stepped(DBMTL(["a", "b"], beta=0.5), 3)
    other = stepped(DBMTL(["a", "b"], beta=0.5), 2)
    balancer.load_state_dict(other.state_dict())
    assert torch.equal(balancer.rows, other.rows)
    balancer.load_state_dict(new)
    assert balancer.rows is None
    stepped(balancer, 2)
    assert torch.equal(balancer.rows, other.rows)
