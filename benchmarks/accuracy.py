"""Accuracy of the defaults on real data, each set with one call.

python -m benchmarks.accuracy NAME --data FOLDER [--on valid|test] [--seed 0] [--set key=value]

FOLDER holds one folder for each set, as `docs/benchmarks.md` describes them. Choices are made on
the validation rows; the test rows are for the last look.
"""

import argparse
import gzip
import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from PIL import Image as Pillow

from plait import Config, Learner, Table

from ._sets_fsdd import fsdd
from ._sets_icu import ICU
from ._sets_pretrained import minilm, photos, text, voices, wordllama

Split = tuple[dict, pa.Table, pa.Table | None, pa.Table, Path]
"""Configuration, training rows, validation rows (or None), rows to score, folder."""


def part(table: pa.Table, column: str, value: object) -> pa.Table:
    """The rows that belong to one part of the data."""
    return table.filter(pc.equal(table[column], value))


def without(table: pa.Table, *columns: str) -> pa.Table:
    """The table less some columns."""
    return table.drop_columns([name for name in columns if name in table.column_names])


def womens_clothing(data: Path, on: str) -> Split:
    """Two texts, categories and numbers to rating, recommendation and department."""
    table = Table.of(data / "womens_clothing/reviews.csv.gz").arrow
    kept = ["Title", "Review Text", "Age", "Positive Feedback Count", "Clothing ID",
            "Division Name", "Rating", "Recommended IND", "Department Name"]  # fmt: skip
    train = part(table, "split_shi", "train").select(kept)
    test = part(table, "split_shi", "test").select(kept)
    if on == "valid":
        order = np.random.default_rng(7).permutation(len(train))
        cut = len(train) // 8
        train, test = train.take(order[cut:]), train.take(order[:cut])
    return {"targets": ["Rating", "Recommended IND", "Department Name"]}, train, None, test, data


def fashion_products(data: Path, on: str) -> Split:
    """A photo and a title to five classes."""
    table = Table.of(data / "fashion_products/products.csv").arrow
    with zipfile.ZipFile(data / "fashion_products/images.zip") as photos:
        pictures = [photos.read(name) for name in table["image"].to_pylist()]
    table = table.set_column(table.column_names.index("image"), "image", pa.array(pictures))
    targets = ["masterCategory", "subCategory", "articleType", "baseColour", "usage"]
    kept = ["image", "title", *targets]
    train, valid = part(table, "split", "train"), part(table, "split", "val")
    test = valid if on == "valid" else part(table, "split", "test")
    valid_rows = None if on == "valid" else valid.select(kept)
    return {"targets": targets}, train.select(kept), valid_rows, test.select(kept), data


def houses(data: Path, on: str) -> Split:
    """Four photos, numbers and a zip code to a price."""
    home = data / "houses"
    table = without(Table.of(home / "houses.csv").arrow, "house_id")
    train, valid = part(table, "split", "train"), part(table, "split", "val")
    if on == "valid":
        pool = pa.concat_tables([train, valid])
        order = np.random.default_rng(7).permutation(len(pool))
        train, valid, test = pool.take(order[107:]), None, pool.take(order[:107])
    else:
        test = part(table, "split", "test")
    drop = [without(rows, "split") if rows is not None else None for rows in (train, valid, test)]
    return {"targets": ["price"]}, drop[0], drop[1], drop[2], home


def census_income(data: Path, on: str) -> Split:
    """Forty columns to income and to having never married."""
    table = Table.of(data / "census_income/census_income.csv.gz").arrow
    never = pc.equal(table["marital_stat"], "Never married")
    table = without(table, "instance_weight", "marital_stat").append_column("never_married", never)
    train, valid = part(table, "split", "train"), part(table, "split", "val")
    test = valid if on == "valid" else part(table, "split", "test")
    valid_rows = None if on == "valid" else without(valid, "split")
    targets = ["income_50k", "never_married"]
    return {"targets": targets}, without(train, "split"), valid_rows, without(test, "split"), data


def energy_efficiency(fold: int) -> Callable[[Path, str], Split]:
    """Eight numbers to two loads, one of ten folds."""

    def load(data: Path, on: str) -> Split:
        table = Table.of(data / "energy_efficiency/energy.csv").arrow
        other = table.filter(pc.not_equal(table["fold"], fold))
        test = part(table, "fold", fold)
        if on == "valid":
            order = np.random.default_rng(7).permutation(len(other))
            other, test = other.take(order[69:]), other.take(order[:69])
        rows = without(other, "fold"), without(test, "fold")
        return {"targets": ["heating_load", "cooling_load"]}, rows[0], None, rows[1], data

    return load


def mnist_fashion(targets: list[str]) -> Callable[[Path, str], Split]:
    """Two pictures laid over each other, to the class of each (or to one of them)."""

    def load(data: Path, on: str) -> Split:
        train = _pairs(data / "mnist_fashion", "train", 20_000)
        test = _pairs(data / "mnist_fashion", "t10k", 10_000)
        if on == "valid":
            train, test = train.slice(0, 18_000), train.slice(18_000)
        kept = ["picture", *targets]
        config = {
            "targets": dict.fromkeys(targets, "Multiclass"),
            "inputs": {"picture": {"type": "Image", "flip": False}},
            "training": {"epochs": 5},
        }
        return config, train.select(kept), None, test.select(kept), data

    return load


def _pairs(folder: Path, name: str, count: int) -> pa.Table:
    def idx(kind: str, what: str) -> np.ndarray:
        raw = gzip.decompress((folder / kind / f"{name}-{what}-ubyte.gz").read_bytes())
        if what.startswith("images"):
            return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)
        return np.frombuffer(raw, np.uint8, offset=8)

    garments, kinds = idx("fashion", "images-idx3"), idx("fashion", "labels-idx1")
    digits, figures = idx("mnist", "images-idx3"), idx("mnist", "labels-idx1")
    partner = np.random.RandomState(0 if name == "train" else 1).randint(0, len(digits), count)
    pictures = []
    for first, second in enumerate(partner):
        canvas = np.zeros((36, 36), np.uint8)
        canvas[:28, :28] = garments[first]
        canvas[8:, 8:] = np.maximum(canvas[8:, 8:], digits[second])
        file = io.BytesIO()
        Pillow.fromarray(canvas).save(file, "PNG")
        pictures.append(file.getvalue())
    columns = {"picture": pictures, "garment": kinds[:count], "digit": figures[partner]}
    return pa.table({key: pa.array(value) for key, value in columns.items()})


SETS: dict[str, list[Callable[[Path, str], Split]]] = {
    **ICU,
    "womens_clothing": [womens_clothing],
    "womens_clothing_minilm": [text(womens_clothing, minilm, words=False)],
    "womens_clothing_minilm_words": [text(womens_clothing, minilm, words=True)],
    "womens_clothing_wordllama": [text(womens_clothing, wordllama, words=False)],
    "womens_clothing_wordllama_words": [text(womens_clothing, wordllama, words=True)],
    "fashion_products": [fashion_products],
    "fsdd": [fsdd],
    "fsdd_ge2e": [voices(fsdd)],
    "houses": [houses],
    "houses_lite0": [photos(houses, encoder=True)],
    "houses_numbers": [photos(houses, encoder=False)],
    "census_income": [census_income],
    "energy_efficiency": [energy_efficiency(fold) for fold in range(10)],
    "mnist_fashion": [mnist_fashion(["garment", "digit"])],
    "mnist_fashion_garment": [mnist_fashion(["garment"])],
    "mnist_fashion_digit": [mnist_fashion(["digit"])],
}


def run(name: str, data: Path, on: str, seed: int, settings: list[str]) -> dict:
    """Fit and score one set; the folds of one are averaged."""
    scores: list[dict[str, dict[str, float]]] = []
    seconds, epochs = [], []
    for load in SETS[name]:
        tree, train, valid, test, root = load(data, on)
        config = Config.of({**tree, "seed": seed}).changed(settings)
        start = time.perf_counter()
        learner = Learner.from_config(config).fit(train, valid, root=root)
        seconds.append(time.perf_counter() - start)
        epochs.append(f"{learner.history.best}/{len(learner.history.epochs)}")
        scores.append(learner.evaluate(test, root=root).tasks)
    mean = {
        task: {metric: round(fmean(s[task][metric] for s in scores), 4) for metric in metrics}
        for task, metrics in scores[0].items()
    }
    return {
        "set": name,
        "on": on,
        "seed": seed,
        "settings": settings,
        "threads": torch.get_num_threads(),
        "seconds": round(max(seconds), 1),
        "epochs": epochs,
        "tasks": mean,
    }


def main() -> None:
    """Run from the command line; one line of JSON a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=sorted(SETS))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--on", choices=["valid", "test"], default="valid")
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--set", action="append", default=[], dest="settings")
    given = parser.parse_args()
    for name in given.names:
        for seed in given.seed:
            found = run(name, given.data, given.on, seed, given.settings)
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
