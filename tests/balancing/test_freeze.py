import pytest
import torch

from plait.balancing import Balancer, Freeze, Step


class Told(Balancer):
    """Weights that are told by way of the losses."""

    def weights(self, step):
        return step.losses


def step(losses, index=None):
    index = torch.arange(len(losses)) if index is None else torch.tensor(index)
    return Step(torch.tensor(losses, dtype=torch.float64), index)


def taken(balancer, seen):
    weights = balancer.weights(seen)
    balancer.held[seen.index] = weights
    return weights.tolist()


def test_the_mean_of_shares_is_kept():
    balancer = Freeze(["a", "b"], after=3, of=Told)
    assert taken(balancer, step([1e-9, 3e-9])) == [1e-9, 3e-9]  # shares of .5 and 1.5
    assert taken(balancer, step([6.0, 2.0])) == [6.0, 2.0]  # 1.5 and .5
    assert balancer.due()
    assert taken(balancer, step([4e9, 0.0])) == pytest.approx([4 / 3, 2 / 3], rel=1e-12)
    assert not balancer.due()
    assert taken(balancer, step([7.0, 1.0])) == pytest.approx([4 / 3, 2 / 3], rel=1e-12)


def test_negative_weights_and_none_at_all():
    balancer = Freeze(["a", "b"], after=3, of=Told)
    taken(balancer, step([0.0, 0.0]))
    taken(balancer, step([-1.0, 3.0]))
    assert taken(balancer, step([-1.0, 3.0])) == pytest.approx([-0.5, 1.5], rel=1e-12)
    balancer = Freeze(["a", "b"], after=1, of=Told)
    assert taken(balancer, step([0.0, 0.0])) == [0.0, 0.0]


def test_tasks_that_are_absent_at_the_end_are_frozen_too_and_new_ones_have_one():
    balancer = Freeze(["a", "b", "c"], after=2, of=Told)
    taken(balancer, step([1.0, 3.0], [0, 1]))
    taken(balancer, step([2.0], [1]))
    assert balancer.held.tolist() == pytest.approx([0.5 / 0.875, 1.25 / 0.875, 1], rel=1e-12)
    assert taken(balancer, step([9.0], [2])) == [1.0]
    assert balancer.counts.tolist() == [1, 2, 0]


def test_later_steps_cost_one_pass():
    passes = []
    w = torch.ones(2, requires_grad=True)
    balancer = Freeze(["a", "b"], after=2)
    for _ in range(5):
        hidden = w * 1
        hidden.register_hook(lambda grad: passes.append(1))
        passes.clear()
        weights = balancer.backward({"a": 3 * hidden[0], "b": hidden[1] - hidden[0]})
        count = len(passes)
        assert count == (2 if balancer.steps <= 2 else 1)
    assert sum(float(each) for each in weights.values()) == pytest.approx(2, rel=1e-12)


def test_how_far_it_came_is_saved():
    balancer = Freeze(["a", "b"], after=2, of=Told)
    for losses in ([1.0, 3.0], [1.0, 1.0]):
        resumed = Freeze(["a", "b"], after=2, of=Told)
        resumed.load_state_dict(balancer.state_dict())
        assert taken(resumed, step(losses)) == taken(balancer, step(losses))
        assert resumed.frozen == balancer.frozen
    assert balancer.frozen


def test_it_is_one_step_or_more():
    with pytest.raises(ValueError, match="`after` of Freeze should be a whole number, 1 or more"):
        Freeze(["a"], after=0)
