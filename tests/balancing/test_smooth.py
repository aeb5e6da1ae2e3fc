import pytest
import torch

from plait.balancing import Smooth, Static, Step


def step(losses, index=None):
    index = torch.arange(len(losses)) if index is None else torch.tensor(index)
    return Step(torch.tensor(losses, dtype=torch.float64), index)


def test_the_average_is_written_out():
    balancer = Smooth(["a", "b", "c"], beta=0.7, of="Log")
    every = [[1e-6, 2.0, 1e6], [3e-6, 1.0, 2e6], [2e-6, 5.0, 3e6]]
    average = [1 / each for each in every[0]]
    assert balancer.weights(step(every[0])).tolist() == pytest.approx(average, rel=1e-12)
    for losses in every[1:]:
        average = [0.7 * old + 0.3 / each for old, each in zip(average, losses, strict=True)]
        assert balancer.weights(step(losses)).tolist() == pytest.approx(average, rel=1e-12)


def test_constant_weights_are_unchanged():
    weights = {"a": 0.1, "b": 0.7, "c": 3.0}
    balancer = Smooth(["a", "b", "c"], of={"name": "Static", "weights": weights})
    plain = Static(["a", "b", "c"], weights=weights).weights(step([1, 1, 1]))
    for _ in range(5):
        assert torch.equal(balancer.weights(step([1, 1, 1])), plain)


def test_without_memory_it_is_the_method_itself():
    balancer = Smooth(["a"], beta=0.0, of="Log")
    assert [float(balancer.weights(step([size]))) for size in (1.0, 2.0, 4.0)] == [1, 0.5, 0.25]


def test_each_task_has_an_average_of_its_own():
    balancer = Smooth(["a", "b"], beta=0.5, of="Log")
    balancer.weights(step([1.0], [0]))
    assert balancer.weights(step([2.0, 2.0])).tolist() == [0.75, 0.5]  # b begins here


@pytest.mark.parametrize("beta", [-0.1, 1.0])
def test_beta_is_a_share(beta):
    with pytest.raises(ValueError, match="`beta` of Smooth should be between 0 and 1"):
        Smooth(["a"], beta=beta)
