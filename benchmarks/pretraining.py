"""What pre-training gains where most labels are missing: the same rows with and without it.

python -m benchmarks.pretraining NAME --data FOLDER [--on valid test] [--seed 0 1 2] [--arm ...]

Of the training rows a share (`--labelled`) keeps its labels; which ones is drawn by the seed. Arms:
`labelled` fits to these rows alone, `all` to all rows, `InfoNCE` and `SigLIP` to all rows after
pre-training on them. `--set` changes all arms. Choices are made on the validation rows; the test
rows are for the last look. One line of JSON a fit, and at last the means.
"""

import argparse
import gzip
import io
import json
import time
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pyarrow as pa
import torch
from PIL import Image as Pillow

from plait import Config, Learner

from .accuracy import fashion_products

ARMS = ("labelled", "all", "InfoNCE", "SigLIP")
ROWS, SCORED = 4_000, 2_000


Data = tuple[dict, pa.Table, dict[str, pa.Table], Path]
"""Configuration, training rows, rows to score by what they are for, folder."""


def fashion(data: Path) -> Data:
    """A photo and a title to five classes, the photo at 32 x 32."""
    config, train, _, valid, root = fashion_products(data, "valid")
    test = fashion_products(data, "test")[3]
    choices = {"inputs": {"image": {"type": "Image", "size": 32}}, "training": {"epochs": 10}}
    return {**config, **choices}, train, {"valid": valid, "test": test}, root


def twins(data: Path) -> Data:
    """Two pictures of the same kind of digit, drawn by two hands, to the digit."""
    folder = data / "mnist_fashion/mnist"
    count = 2 * (ROWS + 2 * SCORED)
    pictures, digits = idx(folder, "images-idx3", 16, count), idx(folder, "labels-idx1", 8, count)
    pictures = pictures.reshape(-1, 28, 28)
    order = np.random.default_rng(11).permutation(count)
    left, right, kinds = [], [], []
    for digit in range(10):
        mine = order[digits[order] == digit]
        half = len(mine) // 2
        left += mine[:half].tolist()
        right += mine[half : 2 * half].tolist()
        kinds += [digit] * half
    mixed = np.random.default_rng(12).permutation(len(kinds))
    table = pa.table(
        {
            "one": pa.array([png(pictures[left[at]]) for at in mixed]),
            "two": pa.array([png(255 - pictures[right[at]]) for at in mixed]),
            "digit": pa.array([kinds[at] for at in mixed]),
        }
    )
    picture = {"type": "Image", "flip": False}
    config = {
        "targets": {"digit": "Multiclass"},
        "inputs": {"one": picture, "two": picture},
        "training": {"epochs": 8},
    }
    scored = {
        "valid": table.slice(ROWS, SCORED),
        "test": table.slice(ROWS + SCORED, SCORED),
    }
    return config, table.slice(0, ROWS), scored, data


def idx(folder: Path, kind: str, offset: int, count: int) -> np.ndarray:
    """The first entries of a file of MNIST."""
    raw = gzip.decompress((folder / f"train-{kind}-ubyte.gz").read_bytes())
    found = np.frombuffer(raw, np.uint8, offset=offset)
    return found[: count * (784 if offset == 16 else 1)]


def png(pixels: np.ndarray) -> bytes:
    """A picture as the bytes of a file."""
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def few_labels(table: pa.Table, targets: list[str], share: float, seed: int) -> pa.Table:
    """The same rows, of which a share keeps its labels."""
    kept = np.random.default_rng(seed).random(len(table)) < share
    for name in targets:
        place = table.column_names.index(name)
        cells = table[name].combine_chunks()
        masked = pa.array(cells.to_pylist(), cells.type, mask=~kept)
        table = table.set_column(place, name, masked)
    return table


SETS = {"fashion_products": fashion, "digit_twins": twins}
SHARES = {"fashion_products": 0.05, "digit_twins": 0.025}


def score(
    arm: str, config: Config, train: pa.Table, scored: dict[str, pa.Table], root: Path
) -> dict[str, object]:
    """Fit one arm, and score it."""
    targets = list(config.targets)
    if arm == "labelled":
        train = train.filter(train[targets[0]].is_valid())
        config = config.changed(["training.epochs=null"])  # so few rows need more epochs
    if arm in ("InfoNCE", "SigLIP"):
        config = config.changed([f"pretraining.name={arm}"])
    began = time.process_time()
    learner = Learner.from_config(config).fit(train, root=root)
    seconds = time.process_time() - began
    accuracy = {}
    for on, table in scored.items():
        tasks = learner.evaluate(table, root=root).tasks
        accuracy[on] = {name: round(tasks[name]["accuracy"], 4) for name in targets}
    before = learner.history.pretraining
    return {
        "arm": arm,
        "seed": config.seed,
        "rows": len(train),
        "processor_seconds": round(seconds, 1),
        "epochs": f"{learner.history.best}/{len(learner.history.epochs)}",
        "pretraining": [round(each, 3) for each in (before[:1] + before[-1:])],
        "mean": {on: round(fmean(each.values()), 4) for on, each in accuracy.items()},
        "accuracy": accuracy,
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(SETS))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--on", nargs="+", choices=["valid", "test"], default=["valid"])
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arm", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--labelled", type=float, default=None)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    given = parser.parse_args()
    tree, train, scored, root = SETS[given.name](given.data)
    scored = {on: scored[on] for on in given.on}
    found: dict[str, list] = {arm: [] for arm in given.arm}
    for seed in given.seed:
        config = Config.of({**tree, "seed": seed}).changed(given.settings)
        share = given.labelled or SHARES[given.name]
        rows = few_labels(train, list(config.targets), share, seed)
        for arm in given.arm:
            found[arm].append(score(arm, config, rows, scored, root))
            print(json.dumps(found[arm][-1]), flush=True)
    print(json.dumps({"set": given.name, "threads": torch.get_num_threads()}))
    for arm, runs in found.items():
        for on in given.on:
            means = [each["mean"][on] for each in runs]
            spread = stdev(means) if len(means) > 1 else 0.0
            print(f"{arm:10} {on:6} {fmean(means):.4f} +- {spread:.4f}")


if __name__ == "__main__":
    main()
