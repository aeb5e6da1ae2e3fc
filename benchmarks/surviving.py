"""What surviving costs: checkpoints written and read, and the first batch of what goes on.

python -m benchmarks.surviving [--width 128] [--rows 1000000]

One thread. A line of JSON for each figure: milliseconds, medians, lowest and highest.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import plait
from plait.balancing import Sum
from plait.data import Masked, Pack
from plait.training import Checkpoints, Loader, Training
from plait.training._mark import Mark
from plait.training._snapshot import restore, snapshot
from plait.training._state import State

TIMES = 9


def timed(what: str, run: Callable[[int], object], **more: object) -> None:
    """Print how long something takes."""
    taken = []
    for turn in range(TIMES):
        start = time.perf_counter()
        run(turn)
        taken.append(1e3 * (time.perf_counter() - start))
    line = {"what": what, "ms": round(statistics.median(taken), 1), "low": round(min(taken), 1),
            "high": round(max(taken), 1), **more}  # fmt: skip
    print(json.dumps(line), flush=True)


def begun(width: int) -> State:
    """A training of 30 columns after one step."""
    draw = np.random.default_rng(0)
    table: dict[str, list] = {f"n{i}": draw.normal(size=2_000).tolist() for i in range(20)}
    table |= {f"c{i}": draw.choice(list("abcdefgh"), 2_000).tolist() for i in range(10)}
    table["y"] = draw.normal(size=2_000).tolist()
    schema = plait.Schema.infer(table, ["y"]).fit(table)
    pack = schema.pack(table)
    chosen = Training(device="cpu").resolve(2_000)
    state = State.of(plait.Model(schema, width=width), Sum(["y"]), chosen)
    state.pace(0.3)
    state.step(schema, pack[torch.arange(64)], 1)
    return state


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    values = torch.arange(float(given.rows))
    pack = Pack(given.rows, {"x": Masked(values, torch.ones(given.rows).bool())}, {})
    loader = Loader(pack, 512, seed=0)
    for share in (0.01, 0.5, 0.99):
        done = int(loader.steps(0) * share)
        timed(f"first batch at {share:.0%} of an epoch", lambda _, d=done: next(loader.epoch(0, d)),
              rows=given.rows)  # fmt: skip
    state = begun(given.width)
    weights = sum(each.numel() for each in state.model.parameters())
    with tempfile.TemporaryDirectory(dir=".") as folder:
        shelf = Checkpoints(Path(folder) / "run" / "checkpoints", {})

        def write(turn: int) -> None:
            shelf.write(turn, *snapshot(state, Mark(steps=turn, kept=state.averaged.copies())))

        def read(_: int) -> None:
            found = shelf.newest()
            assert found is not None
            restore(state, *found)

        timed("write a checkpoint", write, weights=weights)
        size = sum(each.stat().st_size for each in shelf.found[-1].iterdir())
        timed("read a checkpoint and go on", read, weights=weights, bytes=size)


if __name__ == "__main__":
    main()
