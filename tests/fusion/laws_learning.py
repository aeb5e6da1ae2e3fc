"""Laws about what can be learned: each takes a class, and trains a tiny network of it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from plait.data import Masked
from plait.fusion import Fusion

from .parts import WIDTH

PAIRS = torch.cartesian_prod(torch.arange(2), torch.arange(2))
BOTH = torch.ones(4, 2).bool()


def trained(
    kind: Callable[..., Fusion], bits: Tensor, there: Tensor, labels: Tensor, steps: int = 200
) -> float:
    """The loss after some steps, or as soon as it is small: encoders, fusion, a linear head."""
    torch.manual_seed(0)
    encoders = nn.ModuleList(nn.Embedding(2, WIDTH) for _ in range(2))
    module, head = kind(("a", "b"), WIDTH), nn.Linear(WIDTH, 1)
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0  # such a tiny network has nothing to spare
    weights = [*encoders.parameters(), *module.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.02)
    loss = torch.tensor(torch.inf)
    for step in range(steps):
        tokens = {
            name: Masked(encoders[i](bits[:, i : i + 1]), there[:, i : i + 1])
            for i, name in enumerate(("a", "b"))
        }
        loss = binary_cross_entropy_with_logits(head(module(tokens))[:, 0], labels.float())
        if step % 10 == 9 and loss < 0.1:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def interacts_as_claimed(kind: type[Fusion]) -> None:
    """What claims that two inputs act together learns their exclusive or; no other one does."""
    loss = trained(kind, PAIRS, BOTH, PAIRS[:, 0] ^ PAIRS[:, 1])
    assert (loss < 0.1) if kind.INTERACTS else (loss > 0.2), loss


def learns_what_each_says(kind: type[Fusion]) -> None:
    """Two inputs that say the same are learned, and each is believed when it stands alone."""
    bits = torch.tensor([[0, 0], [1, 1]]).repeat(3, 1)
    there = torch.tensor([[1, 1], [1, 0], [0, 1]]).bool().repeat_interleave(2, 0)
    loss = trained(kind, bits, there, bits[:, 0])
    assert loss < 0.1, loss


LAWS = (interacts_as_claimed, learns_what_each_says)
