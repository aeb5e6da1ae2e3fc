import pytest
import torch

from plait.balancing import Static, Step


def step(losses, index=None):
    index = torch.arange(len(losses)) if index is None else torch.tensor(index)
    return Step(torch.tensor(losses, dtype=torch.float64), index)


def test_weights_have_a_mean_of_one_in_any_unit():
    once = Static(["a", "b", "c"], weights={"a": 1.0, "b": 2.0, "c": 5.0}).weights(step([1, 1, 1]))
    assert once.tolist() == pytest.approx([3 / 8, 6 / 8, 15 / 8], rel=1e-12)
    many = Static(["a", "b", "c"], weights={"a": 1e9, "b": 2e9, "c": 5e9})
    assert torch.allclose(many.weights(step([1, 1, 1])), once, rtol=1e-12)


def test_an_absent_task_does_not_change_what_the_others_weigh():
    balancer = Static(["a", "b", "c"], weights={"a": 1.0, "b": 2.0, "c": 5.0})
    assert balancer.weights(step([1], [2])).tolist() == [15 / 8]


def test_alike_it_is_the_sum():
    assert Static(["a", "b", "c"]).weights(step([1, 2, 3])).tolist() == [1, 1, 1]


def test_a_task_may_have_none_but_not_all():
    assert Static(["a", "b"], weights={"b": 0.0}).weights(step([1, 1])).tolist() == [2, 0]
    with pytest.raises(ValueError, match="`weights` of Static should have a sum above zero"):
        Static(["a"], weights={"a": 0.0})
    with pytest.raises(ValueError, match=r"`weights` of Static should be 0 or more for 'a'"):
        Static(["a"], weights={"a": -1.0})
