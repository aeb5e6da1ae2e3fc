"""Two losses, a thousandfold apart, in a plain PyTorch loop: one import, one line."""

import torch
from torch import nn

from plait.balancing import NashMTL, Sum

torch.manual_seed(0)
x = torch.randn(400, 8)
y = {"near": x[:, :1] * x[:, 1:2], "far": 1000 * (x[:, 2:3] * x[:, 3:4])}

for kind in (Sum, NashMTL):
    torch.manual_seed(1)
    trunk = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
    heads = nn.ModuleDict({task: nn.Linear(32, 1) for task in y})
    optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=1e-2)
    balancer = kind(list(y))
    for _ in range(400):
        features = trunk(x[:300])
        losses = {name: (heads[name](features) - y[name][:300]).square().mean() for name in y}
        optimizer.zero_grad()
        balancer.backward(losses)  # adds into .grad, and nothing else
        optimizer.step()
    with torch.no_grad():
        left = {
            name: (heads[name](trunk(x[300:])) - y[name][300:]).var() / y[name].var() for name in y
        }
    print(
        kind.__name__, {name: f"{float(1 - share):.2f} explained" for name, share in left.items()}
    )
