"""One of the processes that train one model: ``torchrun together.py OUT CASE ...``; or one."""

import json
import sys
from pathlib import Path

import torch
from torch import nn

import plait
from plait import NonFiniteError
from plait.training import Training
from plait.training._world import joined

SOME = {"epochs": 2, "batch_size": 12, "guard": "off", "device": "cpu", "input_dropout": 0.0}
CASES: dict[str, dict] = {
    "plain": {},
    "bfloat": {"precision": "bfloat16"},
    "parts": {"accumulate": 3},
    "few": {"batch_size": 3, "accumulate": 3},
    "skip": {"non_finite": "skip"},
    "stop": {},
    "auto": {"batch_size": "auto"},
}
CASES |= {f"{name} fsdp": {**case, "strategy": "fsdp"} for name, case in CASES.items()}


def table() -> dict:
    """Rows that lack labels and inputs; a text that only one row in nine has."""
    rows = range(60)
    return {
        "x": [float(n % 13) for n in rows],
        "kind": ["abc"[n % 3] for n in rows],
        "note": [f"word{n % 4} word{n % 5}" if n % 9 == 4 else None for n in rows],
        "y": [float(n % 13) if n % 2 else None for n in rows],
        "z": [n % 3 == 0 if n % 5 else None for n in rows],
    }


def trained(case: str) -> dict:
    """What a training comes to, without dropout, in double precision."""
    name, *balancing = case.split("/")
    schema = plait.Schema.infer(
        table(), {"y": plait.Regression(), "z": None}, {"note": plait.Text()}
    ).fit(table())
    torch.manual_seed(0)
    model = plait.Model(schema, width=8)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for option in ("unknown", "hide", "dropout"):
            if isinstance(getattr(module, option, None), float):
                setattr(module, option, 0.0)
    pack = schema.pack(table())
    if name.startswith(("skip", "stop")):
        pack.targets["y"].values[13] = torch.inf
    rule = getattr(plait.balancing, balancing[0])(tuple(schema.tasks)) if balancing else None
    trainer = plait.Trainer(schema, Training(**{**SOME, **CASES[name]}), seed=3)
    try:
        history = trainer.fit(model.double(), pack, pack.select(torch.arange(7)), rule)
    except NonFiniteError as error:
        return {"error": str(error)}
    return {
        "weights": torch.cat([w.detach().flatten() for w in model.parameters()]).tolist(),
        "losses": [[dict(each.losses), dict(each.scores), dict(each.weights), each.skipped]
                   for each in history.epochs],
    }  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined("cpu") as world:
        found = {case: trained(case) for case in sys.argv[2:]}
        Path(f"{sys.argv[1]}.{world.rank}").write_text(json.dumps(found))
