"""Pretrained weights learn more slowly than new ones."""

import pytest
import torch

from plait import Training
from plait.balancing import Sum
from plait.training._schedule import parameter_groups
from plait.training._state import State


@pytest.mark.parametrize(
    ("tune", "pace", "count"),
    [("full", 0.025, 37), ("last:1", 0.025, 16), ("lora", None, 0), ("frozen", None, 0)],
)
def test_only_what_was_pretrained_is_slow(kit, tune, pace, count):
    made = kit(tune=tune)
    groups = parameter_groups([made.model], 0.1)
    slow = [group for group in groups if group["pace"] != 1]
    assert {group["pace"] for group in slow} == ({pace} if pace else set())
    assert sum(len(group["params"]) for group in slow) == count
    told = [id(weight) for group in groups for weight in group["params"]]
    trained = [id(weight) for weight in made.model.parameters() if weight.requires_grad]
    assert sorted(told) == sorted(trained)
    assert groups[0]["pace"] == 1


def test_the_rate_of_a_step_follows_the_pace(kit):
    made = kit(tune="last:1")
    chosen = Training(device="cpu", learning_rate=0.1, warmup=0.0).resolve(100)
    state = State.of(made.model, Sum(("sold",)), chosen)
    state.pace(0.0)
    rates = sorted({group["lr"] for group in state.optimizer.param_groups})
    assert rates == pytest.approx([0.0025, 0.1])
    new, old = made.encoder.tuned[2].project[1].weight, next(made.encoder.tuned[0].parameters())
    before = new.clone(), old.clone()
    new.grad, old.grad = torch.ones_like(new), torch.ones_like(old)
    state.optimizer.step()
    moved = [(one - other).abs().mean() for one, other in zip((new, old), before, strict=True)]
    assert moved[0] > 20 * moved[1] > 0
