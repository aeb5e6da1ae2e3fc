"""What every way of sharing promises, over everything the wing exports."""

import pytest
import torch

from plait import sharing
from plait._catalogue import catalogue
from plait.sharing import Sharing

TASKS = ("price", "a.b", "keys")
each = pytest.mark.parametrize("kind", catalogue(sharing, Sharing).values())


@each
@pytest.mark.parametrize("rows", [1, 4])
def test_shape_finite_and_gradients_everywhere(kind, rows):
    module = kind(TASKS, 8)
    out = module(torch.randn(rows, 8))
    assert tuple(out) == TASKS
    assert all(part.shape == (rows, 8) and part.isfinite().all() for part in out.values())
    sum((part * torch.randn(rows, 8)).sum() for part in out.values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


@each
def test_rows_do_not_mix_and_state_survives(kind):
    module, other = kind(TASKS, 8).eval(), kind(TASKS, 8).eval()
    x = torch.randn(4, 8)
    whole = module(x)
    other.load_state_dict(module.state_dict())
    for name in TASKS:
        assert torch.allclose(module(x[2:3])[name], whole[name][2:3], atol=1e-6)
        assert torch.equal(other(x)[name], whole[name])


@each
def test_dropout_and_layers_change_the_answer(kind):
    x = torch.randn(4, 8)
    assert len(list(kind(TASKS, 8, layers=1).parameters())) < len(list(kind(TASKS, 8).parameters()))
    module = kind(TASKS, 8, dropout=0.5).train()
    assert not torch.equal(module(x)["keys"], module(x)["keys"])
