"""One of the processes that train one model: ``torchrun together.py OUT CASE ...``; or one.

``CASE@FOLDER:STEPS`` goes on from the checkpoints in a folder, and is stopped after so many steps.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

import plait
from plait import ConfigError, NonFiniteError, Stopped
from plait._durable import sync
from plait.training import Callback, Checkpoints, Epoch, Training, _sharding, _stored
from plait.training._world import World, joined

SOME = {"epochs": 2, "batch_size": 12, "guard": "off", "device": "cpu", "input_dropout": 0.0}
CASES: dict[str, dict] = {
    "plain": {},
    "unsorted": {"bucket": False},
    "ones": {"batch_size": 1, "epochs": 1},
    "clip": {"clip": 0.05},
    "parts": {"accumulate": 3},
    "few": {"batch_size": 3, "accumulate": 3},
    "skip": {"non_finite": "skip"},
    "stop": {},
    "auto": {"batch_size": "auto"},
    "norm": {},
    "broken": {"accumulate": 3},
    "budget": {"epochs": 40},
    "full": {},
    "blocks": {},
}
CASES |= {f"{name} fsdp": {**case, "strategy": "fsdp"} for name, case in CASES.items()}


def table() -> dict:
    """Rows that lack labels and inputs; a text that only one row in nine has."""
    rows = range(60)
    return {
        "x": [float(n % 13) for n in rows],
        "kind": ["abc"[n % 3] for n in rows],
        "note": [f"word{n % 4} word{n % 5}" if n % 9 == 4 else None for n in rows],
        "memo": [f"other{n % 3}" if n % 27 in (4, 5) else None for n in rows],
        "y": [float(n % 13) if n % 2 else None for n in rows],
        "z": [n % 3 == 0 if n % 5 else None for n in rows],
    }


def full(path: Path) -> None:
    """A disk that has no room."""
    raise OSError("No space left on device")


class Scaled(nn.Module):
    """A head times a number that is learned, which no process can hold a part of."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head, self.factor = head, nn.Parameter(torch.tensor(1.0))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.factor * self.head(features)


class Stop(Callback):
    """Ask to end after so many steps, as a signal would."""

    def __init__(self, shelf: Checkpoints, steps: int) -> None:
        self.shelf, self.steps, self.done, self.begun = shelf, steps, 0, 0

    def on_resume(self, records: Sequence[Epoch], steps: int) -> None:
        self.done = self.begun = steps

    def on_step(self, step: int, steps: int) -> None:
        self.done += 1
        if self.done == self.steps:
            self.shelf.signals.asked = 15


def trained(case: str) -> dict:
    """What a training comes to, without dropout, in double precision."""
    case, _, place = case.partition("@")
    folder, _, stop = place.rpartition(":")
    shelf = Checkpoints(Path(folder), {"case": "the same"}) if folder else None
    if shelf:
        shelf.newest()
    name, *balancing = case.split("/")
    schema = plait.Schema.infer(
        table(), {"y": plait.Regression(), "z": None}, {"note": plait.Text(), "memo": plait.Text()}
    ).fit(table())
    torch.manual_seed(0)
    model = plait.Model(schema, width=8)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for option in ("unknown", "hide", "dropout"):
            if isinstance(getattr(module, option, None), float):
                setattr(module, option, 0.0)
    _sharding.LARGE = 50 if name.startswith("blocks") else 1_000_000
    if name.startswith("clip"):
        model.heads[0] = Scaled(model.heads[0])
    if name.startswith("norm"):
        model.heads[0] = nn.Sequential(nn.BatchNorm1d(8), model.heads[0])
    if name.startswith("broken"):
        nn.init.constant_(model.heads[0].weight, torch.inf)
    pack = schema.pack(table())
    if name.startswith(("skip", "stop")):
        pack.targets["y"].values[13] = torch.inf
    rule = getattr(plait.balancing, balancing[0])(tuple(schema.tasks)) if balancing else None
    stops = (Stop(shelf, int(stop)),) if shelf else ()
    settings = Training(**{**SOME, **CASES[name]})
    # As on machines of which one began later than the other.
    budget = 0.4 * (1 + World.here().rank) if name.startswith("budget") else None
    trainer = plait.Trainer(schema, settings, 3, budget, callbacks=stops, checkpoints=shelf)
    _stored.sync = full if name.startswith("full") and World.here().rank else sync
    try:
        history = trainer.fit(model.double(), pack, pack.select(torch.arange(7)), rule)
    except (ConfigError, NonFiniteError, Stopped) as error:
        return {"error": str(error)}
    return {
        "weights": torch.cat([w.detach().flatten() for w in model.parameters()]).tolist(),
        "buffers": [each.tolist() for each in model.buffers()],
        "losses": [[dict(each.losses), dict(each.scores), dict(each.weights), each.skipped]
                   for each in history.epochs],
        "begun": [each.begun for each in stops],
    }  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined("cpu") as world:
        found = {case: trained(case) for case in sys.argv[2:]}
        Path(f"{sys.argv[1]}.{world.rank}").write_text(json.dumps(found))
