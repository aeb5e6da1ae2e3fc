"""What a task's own weights are for; one more law of ways of sharing that have some."""

import torch
from torch import nn

from .laws import TWO, WIDTH, Build, stacked


def fitted(build: Build, steps: int = 250) -> list[float]:
    """The share of variance explained of a target and of its opposite, read off by one head."""
    torch.manual_seed(0)
    module, head = build(TWO, WIDTH).train(), nn.Linear(WIDTH, 1)
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    features = torch.randn(128, WIDTH)
    target = (features[:, 0] * 1.5).tanh() + 0.5 * features[:, 1]
    target = (target - target.mean()) / target.std()
    wanted = torch.stack([target, -target])
    optimizer = torch.optim.Adam([*module.parameters(), *head.parameters()], lr=0.01)
    for _ in range(steps):
        error = (head(stacked(module(features))).squeeze(2) - wanted).square().mean(1)
        optimizer.zero_grad()
        error.sum().backward()
        optimizer.step()
    return [1 - float(each) for each in error.detach()]


def fits_opposites(build: Build) -> None:
    """A task and its opposite are both learned, though one head reads both."""
    assert min(fitted(build)) > 0.75
