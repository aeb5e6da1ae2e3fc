"""Options that several balancers have, and what is wrong with them."""

import pytest
import torch

from plait._errors import ConfigError
from plait.balancing import DualProj, RandomLoss, SmoothTchebycheff, UPGrad
from plait.balancing._options import _finite

WITH_PREFERENCE = pytest.mark.parametrize("kind", [UPGrad, DualProj, SmoothTchebycheff])


@WITH_PREFERENCE
def test_a_preference_for_nothing_is_refused(kind):
    with pytest.raises(
        ConfigError, match=r"`preference` of \w+ should be above zero for some task"
    ):
        kind(["a", "b"], preference={"a": 0.0, "b": 0.0})


@WITH_PREFERENCE
def test_where_only_tasks_that_do_not_count_are_there_nothing_pulls(kind):
    w = torch.ones(2, requires_grad=True)
    rule = kind(["a", "b", "c"], preference={"a": 0.0, "b": 0.0})
    weights = rule.backward({"a": 2 * w[0], "b": w.sum()})
    assert [float(each) for each in weights.values()] == [0, 0]
    assert w.grad.tolist() == [0, 0]


def test_what_is_no_number_is_not_finite():
    """A configuration may hold any text: it is then the option that is told, with its bounds."""
    assert not any(_finite(each) for each in ("0.4", None, float("nan"), float("inf")))
    assert all(_finite(each) for each in (0, 0.5, True))


def test_a_seed_is_a_whole_number():
    with pytest.raises(ConfigError, match=r"`seed` of RandomLoss should be .* Got -1"):
        RandomLoss(["a"], seed=-1)
