import math

import pytest
import torch

from plait.balancing import DWA, Step


def step(losses, index=None):
    index = torch.arange(len(losses)) if index is None else torch.tensor(index)
    return Step(torch.tensor(losses, dtype=torch.float64), index)


def softmax(ratios, temperature):
    powers = [math.exp(each / temperature) for each in ratios]
    return [len(ratios) * each / sum(powers) for each in powers]


def test_two_uniform_epochs_and_then_ratios_of_epoch_means():
    balancer = DWA(["a", "b", "c"], temperature=0.5)
    for losses in ([[4e-6, 2.0, 1e6], [2e-6, 4.0, 3e6]], [[1e-6, 2.5, 1e6], [2e-6, 2.5, 1e6]]):
        for each in losses:
            assert balancer.weights(step(each)).tolist() == pytest.approx([1] * 3, rel=1e-12)
        balancer.end_epoch()
    found = balancer.weights(step([1.0, 1.0, 1.0]))
    assert found.tolist() == pytest.approx(softmax([1.5 / 3, 2.5 / 3, 1 / 2], 0.5), rel=1e-9)
    assert float(found.sum()) == pytest.approx(3, rel=1e-12)


def test_units_do_not_matter():
    plain, scaled = DWA(["a", "b"]), DWA(["a", "b"])
    for first, second in ((3.0, 2.0), (2.0, 1.9), (1.0, 1.8)):
        one = plain.weights(step([first, second]))
        two = scaled.weights(step([first * 1e9, second * 1e-9]))
        assert torch.allclose(one, two, rtol=1e-9)
        plain.end_epoch()
        scaled.end_epoch()


def test_each_task_has_epochs_of_its_own():
    balancer = DWA(["a", "b"], temperature=1.0)
    for first in (4.0, 2.0):
        balancer.weights(step([first], [0]))
        balancer.end_epoch()
    found = balancer.weights(step([1.0, 1.0]))  # of b nothing is known: a ratio of 1
    assert found.tolist() == pytest.approx(softmax([0.5, 1.0], 1.0), rel=1e-9)
    balancer.end_epoch()
    assert balancer.epochs.tolist() == [3, 1]
    assert balancer.means.tolist() == [[2.0, 1.0], [0.0, 1.0]]


def test_an_epoch_without_steps_changes_nothing():
    balancer = DWA(["a"])
    balancer.weights(step([1.0]))
    balancer.end_epoch()
    before = balancer.state_dict()
    balancer.end_epoch()
    assert all(torch.equal(before[key], each) for key, each in balancer.state_dict().items())


def test_a_mean_loss_that_is_not_above_zero_is_named():
    balancer = DWA(["a", "b"])
    balancer.weights(step([1.0, -0.5]))
    with pytest.raises(ValueError, match="The loss of 'b' should be above zero for DWA"):
        balancer.end_epoch()
    with pytest.raises(ValueError, match="`temperature` of DWA should be"):
        DWA(["a"], temperature=-1.0)
