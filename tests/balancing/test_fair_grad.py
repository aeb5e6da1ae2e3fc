"""FairGrad against its equation."""

import pytest
import torch

from plait.balancing import FairGrad, NashMTL

from .gradients import DECADES, balancer, close, gradients, mixed, step, weighed


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("tasks", [1, 2, 3, 8, 16])
def test_each_gains_a_power_of_its_weight(tasks, alpha):
    for seed in range(4):
        rows = gradients(tasks, 40, DECADES if alpha == 1 else 2.0, seed)
        weights = balancer(FairGrad, tasks, alpha=alpha).weights(step(rows))
        gains = rows @ (weights @ rows)
        assert float((gains * weights ** (1 / alpha) - 1).abs().max()) <= 1e-9
        assert bool((weights > 0).all())


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_orthogonal_ones_by_hand(alpha):
    lengths = torch.tensor([1e-6, 1.0, 1e6], dtype=torch.float64)
    found = balancer(FairGrad, 3, alpha=alpha).weights(step(lengths.diag()))
    expected = lengths ** (-2 / (1 + 1 / alpha))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_lengths_over_many_decades(alpha):
    """Gains are sums of what all gradients add: exact relative to the largest of these."""
    for seed in range(6):
        rows = gradients(5, 40, DECADES, seed)
        lengths = rows.norm(dim=1)
        weights = balancer(FairGrad, 5, alpha=alpha).weights(step(rows))
        parts = weights * lengths
        off = (rows @ (weights @ rows) - weights ** (-1 / alpha)) / lengths
        assert float(off.abs().max() / parts.max()) <= 1e-9


def test_alpha_of_one_is_nash():
    rows = gradients(6, 12, DECADES, 0)
    assert close(mixed(FairGrad, rows), mixed(NashMTL, rows, max_norm=0.0), 1e-10)


def test_where_gradients_cancel_weights_are_zero():
    rows = torch.tensor([[1.0, 0.0], [-3.0, 0.0]], dtype=torch.float64)
    for alpha in (0.5, 1.0, 2.0):
        assert not bool(weighed(FairGrad, rows, alpha=alpha).any())


def test_alpha_is_above_zero():
    with pytest.raises(ValueError, match=r"`alpha` of FairGrad .*take `Sum`"):
        FairGrad(["a"], alpha=0.0)
