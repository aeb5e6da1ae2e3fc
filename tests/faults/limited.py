"""A training that may take so many MiB more when it begins: ``limited.py MIB``, one JSON line.

Nothing is dropped at random: a step in parts draws other units than a whole one.
"""

import json
import re
import resource
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import plait
from plait.training import Callback, Epoch, Trainer


class Limit(Callback):
    """Let the process have so many MiB more than it has, and note the losses."""

    def __init__(self, mib: int) -> None:
        self.mib, self.records = mib, list[Epoch]()

    def on_start(self, epochs: int) -> None:
        status = Path("/proc/self/status").read_text()
        here = int(re.search(r"VmSize:\s+(\d+) kB", status)[1]) * 1024
        if self.mib:
            resource.setrlimit(resource.RLIMIT_AS, (here + self.mib * 2**20,) * 2)

    def on_epoch(self, epoch: Epoch) -> None:
        self.records.append(epoch)


if __name__ == "__main__":
    torch.set_num_threads(1)
    draw = np.random.default_rng(0)
    table = {f"x{n}": draw.normal(size=8192) for n in range(24)}
    table["y"] = sum(table.values()) + draw.normal(size=8192)
    table["z"] = np.where(draw.random(8192) < 0.3, None, (table["y"] > 0).astype(str))
    schema = plait.Schema.infer(table, ["y", "z"]).fit(table)
    torch.manual_seed(0)
    model = plait.Model(schema, width=32)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    limit = Limit(int(sys.argv[1]))
    loop = plait.Training(epochs=5, batch_size=8192, device="cpu", precision="float32")
    history = Trainer(schema, loop, callbacks=[limit]).fit(model, schema.pack(table))
    told = {"losses": [each.losses for each in limit.records], "parts": history.parts,
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}  # fmt: skip
    print(json.dumps(told))
