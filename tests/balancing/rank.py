"""One of two processes that train one model, each on half of the rows; prints what it found."""

import json
import os
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).parent))

from kit import TASKS, Case

from plait._errors import ConfigError
from plait.balancing import Sum, UPGrad, backward

RANK = int(os.environ["RANK"])
ROWS = slice(0, 8) if RANK == 0 else slice(8, 16)
UNEVEN = slice(0, 4) if RANK == 0 else slice(4, 16)


def told(net, weights, rule=None):
    trunk, heads = net.grads()
    found = {"weights": {name: float(w) for name, w in weights.items()}}
    found |= {"trunk": trunk.tolist(), "heads": [head.tolist() for head in heads]}
    if rule is not None and rule.last is not None and rule.last.gramian is not None:
        found["gramian"] = rule.last.gramian.tolist()
    return found


def joined(how, rows=ROWS, rule=None, steps=1, **options):
    case, rule = Case(), rule or UPGrad(TASKS)
    net = case.net()
    both = DistributedDataParallel(net)
    for _ in range(steps):  # a second step fails unless the first fired the reducer once
        net.zero_grad()
        losses, features = case.losses(both, rows)
        if options.get("at") == "features":
            options["features"] = features
        if "over" in options:
            options["over"] = list(net.trunk[4].parameters())
        weights = backward(losses, rule, ranks=how, **options)
    return told(net, weights, rule)


def absent(told_before):
    """The second process has no label for the second task."""
    case, rule = Case(), UPGrad(TASKS)
    net = case.net()
    both = DistributedDataParallel(net, find_unused_parameters=True)
    if told_before:
        backward(case.losses(both, ROWS)[0], rule, ranks="exact")
        net.zero_grad()
    losses, _ = case.losses(both, ROWS)
    counts = {"a": 8, "b": 8, "c": 8}
    if RANK:
        del losses["b"]
    over = None if told_before else list(net.trunk.parameters())
    return told(net, backward(losses, rule, ranks="exact", over=over, counts=counts), rule)


def alone():
    """The second process has a label for one task only, which shares nothing that it can see."""
    case, rule = Case(), UPGrad(TASKS)
    net = case.net()
    both = DistributedDataParallel(net, find_unused_parameters=True)
    losses, _ = case.losses(both, ROWS)
    if RANK:
        losses = {"c": losses["c"]}
    over = list(net.trunk.parameters())
    counts = {"a": 8, "b": 8, "c": 8}
    return told(net, backward(losses, rule, ranks="exact", over=over, counts=counts), rule)


def unknown():
    case = Case()
    net = case.net()
    losses, _ = case.losses(net, ROWS)
    del losses["b"]
    try:
        backward(losses, UPGrad(TASKS), ranks="local")
    except ConfigError as error:
        return str(error)
    return ""


def sharded(at):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    case, rule = Case(), UPGrad(TASKS)
    net = case.net()
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    fully_shard(net.trunk, mesh=mesh)
    fully_shard(net, mesh=mesh)
    for _ in range(2):
        net.zero_grad()
        losses, features = case.losses(net, ROWS)
        if at == "features":
            weights = backward(losses, rule, ranks="exact", features=features)
        else:
            over = list(net.trunk.parameters())
            weights = backward(losses, rule, ranks="sharded", over=over)
    for weight in net.parameters():
        full = weight.grad.full_tensor()
        weight.grad = None
        weight.whole = full
    trunk = torch.cat([w.whole.flatten() for w in net.trunk.parameters()])
    heads = [torch.cat([w.whole.flatten() for w in head.parameters()]) for head in net.heads]
    found = {"weights": {name: float(w) for name, w in weights.items()}}
    return found | {"trunk": trunk.tolist(), "heads": [head.tolist() for head in heads]}


warnings.simplefilter("ignore")
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}", rank=RANK, world_size=2)
found = {
    "exact": joined("exact", steps=2),
    "sketch": joined("sketch", steps=2),
    "default": joined(None),
    "local": joined("local"),
    "features": joined("exact", at="features", steps=2),
    "over": joined("exact", over=True),
    "sum": joined("exact", rule=Sum(TASKS)),
    "counts": joined("exact", UNEVEN, counts=dict.fromkeys(TASKS, UNEVEN.stop - UNEVEN.start)),
    "absent": absent(False),
    "absent later": absent(True),
    "alone": alone(),
    "unknown": unknown(),
    "sharded": sharded("shared"),
    "sharded features": sharded("features"),
}
dist.destroy_process_group()
print(json.dumps(found))
