"""One of the processes that train one model: ``torchrun world_rank.py OUT [BALANCER]``."""

import json
import sys
from pathlib import Path

import torch
from torch import nn

import plait
from plait import balancing
from plait.training import train_step
from plait.training._world import World, joined


def parts() -> tuple[plait.Schema, plait.Model, object]:
    """A table in which one half of a batch has no label of a task, and no dropout."""
    table = {
        "x": [float(n % 13) for n in range(64)],
        "kind": ["abc"[n % 3] for n in range(64)],
        "y": [float(n % 13) if n % 2 else None for n in range(64)],
        "z": [n % 3 == 0 if n % 5 else None for n in range(64)],
    }
    schema = plait.Schema.infer(table, ["y", "z"]).fit(table)
    torch.manual_seed(0)
    model = plait.Model(schema, width=8)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return schema, model.double(), schema.pack(table)


def trained(name: str, world: World) -> dict:
    """Weights and losses after six steps."""
    schema, model, pack = parts()
    balancer = getattr(balancing, name)(tuple(schema.tasks))
    learner = torch.optim.SGD([*model.parameters(), *balancer.parameters()], lr=0.05)
    losses = []
    # In the first step every second row has a label of "y": one of two processes has none at all.
    for rows in torch.arange(64).split(11):
        mine = pack[rows[world.rank :: world.size]]
        told, weights = train_step(schema, model, mine, balancer, learner, world=world)
        losses.append([told, weights])
    return {
        "weights": torch.cat([w.detach().flatten() for w in model.parameters()]).tolist(),
        "own": [each.tolist() for each in balancer.parameters()],
        "losses": losses,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined("cpu") as world:
        found = {name: trained(name, world) for name in sys.argv[2:]}
        Path(f"{sys.argv[1]}.{world.rank}").write_text(json.dumps(found))
