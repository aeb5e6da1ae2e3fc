"""A training that goes on from a checkpoint, in one process or more: ``moved.py OUT FOLDER STEPS``.

It ends after so many steps in all, with a checkpoint, and writes down rows and losses of each
step. Nothing is dropped at random: several processes draw other units than one.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

import plait
from plait import Stopped
from plait.balancing import Uncertainty
from plait.training import Callback, Checkpoints, Trainer, _state
from plait.training._world import World, joined

EPOCHS, ROWS, BATCH = 4, 90, 22


class Steps(Callback):
    """Ask for the end after so many steps in all."""

    def __init__(self, shelf: Checkpoints, last: int) -> None:
        self.shelf, self.last, self.done = shelf, last, 0

    def on_resume(self, records: object, steps: int) -> None:
        self.done = steps

    def on_step(self, step: int, steps: int) -> None:
        self.done += 1
        if self.done == self.last:
            self.shelf.signals.asked = 15


def trained(place: Path, last: int) -> dict:
    """Rows and losses of each step, and the weights at the end."""
    table = {
        "x": [float(n % 13) for n in range(ROWS)],
        "kind": ["abc"[n % 3] for n in range(ROWS)],
        "y": [float(n % 13) if n % 2 else None for n in range(ROWS)],
        "z": [n % 3 == 0 if n % 5 else None for n in range(ROWS)],
    }
    schema = plait.Schema.infer(table, ["y", "z"]).fit(table)
    torch.manual_seed(0)
    model = plait.Model(schema, width=8).double()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    shelf, told = Checkpoints(place, {}), []
    shelf.newest()
    plain = _state.train_step

    def noted(schema, model, batch, *given, **options):
        losses, weights = plain(schema, model, batch, *given, **options)
        told.append({"rows": batch.rows.tolist(), "losses": losses, "weights": weights})
        return losses, weights

    _state.train_step = noted
    loop = plait.Training(epochs=EPOCHS, batch_size=BATCH, device="cpu", precision="float32")
    trainer = Trainer(schema, loop, callbacks=[Steps(shelf, last)], checkpoints=shelf)
    with suppress(Stopped):
        trainer.fit(model, schema.pack(table), balancer=Uncertainty(tuple(schema.tasks)))
    _state.train_step = plain
    weights = torch.cat([each.detach().flatten() for each in model.parameters()]).tolist()
    return {"steps": told, "weights": weights}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined("cpu"):
        found = trained(Path(sys.argv[2]), int(sys.argv[3]))
        Path(f"{sys.argv[1]}.{World.here().rank}").write_text(json.dumps(found))
