"""A small net with three tasks, and the gradients of each by hand."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

TASKS = ("a", "b", "c")


class Net(nn.Module):
    """A trunk and three heads; the losses are a hundredfold apart."""

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        torch.manual_seed(1)
        parts = [nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 5)]
        self.trunk = nn.Sequential(*parts).to(dtype)
        self.heads = nn.ModuleList([nn.Linear(5, 1) for _ in TASKS]).to(dtype)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        features = self.trunk(x)
        return [head(features) for head in self.heads], features

    def grads(self) -> tuple[Tensor, list[Tensor]]:
        """What is in ``.grad``: of the trunk, and of each head."""
        return _flat(self.trunk), [_flat(head) for head in self.heads]


def _flat(module: nn.Module) -> Tensor:
    return torch.cat(
        [(torch.zeros_like(w) if w.grad is None else w.grad).flatten() for w in module.parameters()]
    )


@dataclass
class Case:
    """Sixteen rows, their losses, and what each loss gives alone."""

    dtype: torch.dtype = torch.float64
    x: Tensor = field(init=False)
    y: Tensor = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        self.x = torch.randn(16, 6, dtype=torch.float64).to(self.dtype)
        self.y = torch.randn(3, 16, 1, dtype=torch.float64).to(self.dtype)

    def net(self) -> Net:
        return Net(self.dtype)

    def losses(self, net: nn.Module, rows: slice = slice(None)) -> tuple[dict[str, Tensor], Tensor]:
        outputs, features = net(self.x[rows])
        found = {
            name: ((output - target[rows]) ** 2).mean() * 10**place
            for place, (name, output, target) in enumerate(zip(TASKS, outputs, self.y, strict=True))
        }
        return found, features

    def alone(self) -> tuple[Tensor, list[Tensor], Tensor]:
        """For each task the gradient of the trunk, of its head, and of the features."""
        net = self.net()
        shared, own, at = [], [], []
        for place, name in enumerate(TASKS):
            losses, features = self.losses(net)
            features.retain_grad()
            net.zero_grad()
            losses[name].backward()
            trunk, heads = net.grads()
            shared.append(trunk)
            own.append(heads[place])
            at.append(features.grad.flatten())
        return torch.stack(shared), own, torch.stack(at)
