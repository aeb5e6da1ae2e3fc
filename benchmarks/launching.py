"""What several processes cost to start, and what they gain.

python -m benchmarks.launching devices [--rows 20000]
python -m benchmarks.launching ray [--rows 1000000]

One thread for each process. A line of JSON for each figure.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from pyarrow import parquet

import plait
from plait.training import Callback

TIMES = 3


class Clock(Callback):
    """Notes when the first step was done."""

    def __init__(self) -> None:
        self.first: float | None = None

    def on_step(self, step: int, steps: int) -> None:
        """The first one counts."""
        if self.first is None:
            self.first = time.perf_counter()


def tell(what: str, **figures: object) -> None:
    """Print a line of JSON."""
    plain = {k: round(v, 2) if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps({"what": what, **plain}), flush=True)


def table(rows: int) -> pa.Table:
    """20 columns of numbers, 10 of categories, two targets."""
    draw = np.random.default_rng(0)
    found = {f"n{i}": draw.normal(size=rows) for i in range(20)}
    found |= {f"c{i}": draw.choice(list("abcdefgh"), rows) for i in range(10)}
    found["y"] = found["n0"] * 2 + found["n1"]
    found["z"] = found["n2"] > 0
    return pa.table(found)


def learner(devices: int = 1, epochs: int = 3, width: int = 256) -> plait.Learner:
    """A model that has something to compute."""
    loop = plait.Training(epochs=epochs, batch_size=512, device="cpu", guard="off")
    return plait.Learner(["y", "z"], training=loop, width=width, cache=False, devices=devices)


def of_devices(rows: int) -> None:
    """One process and two, on the same rows in memory."""
    data = table(rows)
    learner(epochs=1).fit(data.slice(0, 2_000))  # what is imported late is imported by now
    firsts: dict[int, list[float]] = {1: [], 2: []}
    speeds: dict[int, list[float]] = {1: [], 2: []}
    for devices in (1, 2) * TIMES:
        clock, began = Clock(), time.perf_counter()
        made = learner(devices).fit(data, callbacks=[clock], progress=False)
        assert clock.first is not None
        epochs = made.history.epochs[1:]
        firsts[devices].append(clock.first - began)
        speeds[devices].append(sum(each.rows_per_second for each in epochs) / len(epochs))
    for devices in (1, 2):
        first, speed = sorted(firsts[devices]), sorted(speeds[devices])
        tell("devices", processes=devices, rows=rows, first_step_s=first[TIMES // 2],
             low=first[0], high=first[-1], rows_per_second=round(speed[TIMES // 2]),
             slowest=round(speed[0]), fastest=round(speed[-1]))  # fmt: skip


def of_ray(rows: int) -> None:
    """Ray's start, a short fit, and answers beside those of one process."""
    import ray

    with tempfile.TemporaryDirectory(dir=".") as name:
        home = Path(name).absolute()
        data = table(rows)
        for number in range(8):
            part = data.slice(number * rows // 8, rows // 8)
            parquet.write_table(part, home / f"part-{number}.parquet")
        parquet.write_table(data.slice(0, 20_000), home / "train.parquet")
        began = time.perf_counter()
        ray.init(include_dashboard=False, logging_level="error", log_to_driver=False)
        tell("start Ray", seconds=time.perf_counter() - began)
        for again in (False, True):
            began = time.perf_counter()
            run = home / f"run-{again}"
            made = plait.clusters.fit(learner(epochs=1), home / "train.parquet", workers=2,
                                      storage=run)  # fmt: skip
            tell("fit, 2 workers, 20,000 rows, 1 epoch", seconds=time.perf_counter() - began,
                 again=again)  # fmt: skip
        began = time.perf_counter()
        count = sum(each.num_rows for each in made.stream(str(home / "part-*.parquet")))
        tell("answers of one process", rows=count, rows_per_second=round(
            count / (time.perf_counter() - began)))  # fmt: skip
        for workers in (1, 2):
            began = time.perf_counter()
            told = plait.clusters.predict(run, home / "part-*.parquet", home / f"out-{workers}",
                                          workers=workers)  # fmt: skip
            tell("answers on a cluster", workers=workers, rows=told.rows, rows_per_second=round(
                told.rows / (time.perf_counter() - began)))  # fmt: skip
        ray.shutdown()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["devices", "ray"])
    parser.add_argument("--rows", type=int)
    given = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", RAY_USAGE_STATS_ENABLED="0")  # for the others
    torch.set_num_threads(1)
    if given.part == "devices":
        of_devices(given.rows or 20_000)
    else:
        of_ray(given.rows or 1_000_000)


if __name__ == "__main__":
    main()
