"""Gradients of odd kinds and layouts: what is compared, and how it lies in ``.grad``."""

import pytest
import torch
from torch import nn

from plait._errors import ConfigError
from plait.balancing import UPGrad, backward

WAYS = {
    "shared": {},
    "streamed": {"stream": True},
    "gathered": {"exact": True},
    "features": {"at": "features"},
}
ways = pytest.mark.parametrize("way", WAYS)
TASKS = ("a", "b")


@ways
def test_two_weights_of_one_sum_have_gradients_of_their_own(way):
    """Autograd hands out one tensor for both: added to, it would count twice."""
    w = nn.Parameter(torch.ones(2, 3))
    one, other, third, scale = (nn.Parameter(torch.zeros(3)) for _ in range(4))
    number = [nn.Parameter(torch.zeros(())) for _ in TASKS]
    rule = UPGrad(TASKS)
    for times in (1, 2):
        x = w * 2
        losses = {
            "a": ((x[0] + one + other) ** 2).sum() + number[0],
            "b": ((x[1] + third) ** 2).sum() + scale.sum() + number[1],  # an expanded gradient
        }
        backward(losses, rule, **WAYS[way])
        assert one.grad.tolist() == other.grad.tolist() == third.grad.tolist() == [4 * times] * 3
        assert scale.grad.tolist() == [times] * 3
        assert [float(each.grad) for each in number] == [times] * 2
    scale.grad.mul_(2)  # as clipping does
    assert number[0].grad == 2


@ways
def test_gradients_lie_in_memory_as_weights_do(way):
    """Fused optimizers read both as they lie: another order is another gradient."""
    last = {"memory_format": torch.channels_last}
    torch.manual_seed(0)
    x = torch.randn(2, 3, 8, 8).to(**last)
    trunk = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()).to(**last)
    heads = nn.ModuleDict({task: nn.Conv2d(8, 4, 3).to(**last) for task in TASKS})
    features = trunk(x)
    backward(
        {task: heads[task](features).square().mean() for task in TASKS}, UPGrad(TASKS), **WAYS[way]
    )
    for weight in (*trunk.parameters(), *heads.parameters()):
        assert weight.grad.stride() == weight.stride()


@ways
def test_a_complex_weight_is_two_real_ones(way):
    torch.manual_seed(0)
    start, x = torch.randn(4, 2, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    found = []
    for whole in (True, False):
        w = nn.Parameter(torch.view_as_complex(start.clone()) if whole else start.clone())
        seen = x * w if whole else torch.view_as_complex(x[:, :, None] * w)
        rule = UPGrad(TASKS)
        losses = {"a": (seen.real + 1).square().mean(), "b": (seen.imag - seen.real).sum()}
        backward(losses, rule, **WAYS[way])
        grad = torch.view_as_real(w.grad) if whole else w.grad
        found.append((grad, rule.last.gramian))
    for mine, plain in zip(*found, strict=True):
        assert torch.allclose(mine, plain, rtol=1e-12)


def test_a_sparse_gradient_is_refused_where_it_is_compared():
    torch.manual_seed(0)
    words, heads = (
        nn.Embedding(10, 4, sparse=True),
        nn.ModuleDict({t: nn.Linear(4, 1) for t in "ab"}),
    )

    def losses():
        x = words(torch.tensor([1, 2, 3]))
        return {task: heads[task](x).square().mean() for task in TASKS}

    for way in ("shared", "streamed", "gathered"):
        with pytest.raises(
            ConfigError, match=r"should be dense .* shape \[10, 4\].*`sparse=False`"
        ):
            backward(losses(), UPGrad(TASKS), **WAYS[way])
    backward(losses(), UPGrad(TASKS), at="features")
    assert words.weight.grad.is_sparse
