"""Plait as a contestant: ``python _plait_contestant.py FOLDER``, as the scripts of peers."""

import json
import os
import sys
import time
from pathlib import Path


def main(folder: Path) -> None:
    """Fit, answer, write the answers, and print one line."""
    about = json.loads((folder / "scenario.json").read_text(encoding="utf-8"))
    os.environ["OMP_NUM_THREADS"] = str(about["threads"])
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch

    import plait

    torch.set_num_threads(about["threads"])
    names = {"regression": "Regression", "binary": "Binary", "multiclass": "Multiclass"}
    learner = plait.Learner(
        {name: names[kind] for name, kind in about["targets"].items()},
        about["inputs"],
        width=about["width"],
        training=plait.Training(epochs=about["epochs"], batch_size=about["batch_size"]),
        valid=0.0,
        cache=False,
        seed=about["seed"],
    )
    start = time.perf_counter()
    learner.fit(folder / "train.parquet")
    fitted = time.perf_counter()
    answers = learner.predict(folder / "test.parquet")
    answered = time.perf_counter()
    # A probability for a binary target, an answer for the others.
    ends = {"binary": "_probability"}
    columns = {n: answers[n + ends.get(kind, "")] for n, kind in about["targets"].items()}
    pq.write_table(pa.table(columns), folder / about["answers"])
    line = {
        "peer": "plait",
        "version": plait.__version__,
        "torch": torch.__version__,
        "fit_seconds": fitted - start,
        "predict_seconds": answered - fitted,
        "parameters": sum(each.numel() for each in learner.model.parameters()),
        "peak_rss_mb": _peak(),
        "notes": "",
    }
    print(json.dumps(line))


def _peak() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    return float("nan")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
