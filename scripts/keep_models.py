"""Keep a model of each of five shapes as this version saves it, for later versions to load.

    python scripts/keep_models.py [tests/faults/models/VERSION]

Run it once for each version, before it is released. Each shape gets a folder with ``model/``, the
rows it is asked about (``rows.arrow``) and its answers (``answers.json``). What is there already is
never made anew: it is what that version wrote.
"""

import argparse
import io
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image as Pillow
from pyarrow import feather

import plait
from plait import Learner, Training

HERE = Path(__file__).parent.parent / "tests" / "faults" / "models"
ROWS, ASKED = 48, 12
QUICK = Training(epochs=2, batch_size=16, device="cpu")
Columns = dict[str, Any]


def numbers(draw: np.random.Generator) -> tuple[Learner, Columns]:
    """Numbers, a category and a date with holes; a number, two classes and three classes."""
    size = draw.uniform(20, 100, ROWS).round(1).tolist()
    table = {
        "size": [None if n % 10 == 3 else value for n, value in enumerate(size)],
        "city": [("Ulm", "Bonn", None)[n % 3] for n in range(ROWS)],
        "built": [f"{1950 + n}-0{1 + n % 9}-11" for n in range(ROWS)],
        "price": [3.5 * value + n % 5 for n, value in enumerate(size)],
        "sold": [value > 60 for value in size],
        "view": [("sea", "lake", "road")[int(value) % 3] for value in size],
    }
    return Learner(["price", "sold", "view"], width=8, training=QUICK), table


def texts(draw: np.random.Generator) -> tuple[Learner, Columns]:
    """Free text and tags; an order of stars, several labels."""
    words = ["red", "blue", "bag", "shoe", "soft", "torn", "fits", "well", "too", "small"]
    table = {
        "review": [" ".join(draw.choice(words, 6)) + "." for _ in range(ROWS)],
        "tags": [[words[n % 4], words[n % 3]] if n % 7 else None for n in range(ROWS)],
        "stars": [1 + n % 4 for n in range(ROWS)],
        "kinds": [["a"] if n % 2 else ["a", "b"] for n in range(ROWS)],
    }
    targets: dict[str, Any] = {"stars": "Ordinal", "kinds": "MultiLabel"}
    inputs: dict[str, Any] = {"review": {"type": "Text", "vocabulary": 60}, "tags": "Tags"}
    return Learner(targets, inputs, width=8, training=QUICK), table


def pictures(draw: np.random.Generator) -> tuple[Learner, Columns]:
    """Pictures as bytes beside a number; two classes and a vector."""
    cells, bright = [], draw.integers(30, 220, ROWS)
    for level in bright:
        file = io.BytesIO()
        Pillow.new("RGB", (16, 16), (int(level), 80, 255 - int(level))).save(file, "PNG")
        cells.append(file.getvalue())
    table = {
        "photo": [None if n % 11 == 5 else cell for n, cell in enumerate(cells)],
        "weight": draw.normal(size=ROWS).round(3).tolist(),
        "bright": [bool(level > 128) for level in bright],
        "color": [[float(level) / 255, 0.3] for level in bright],
    }
    return Learner(["bright", "color"], {"photo": "Image"}, width=8, training=QUICK), table


def series(draw: np.random.Generator) -> tuple[Learner, Columns]:
    """Measurements at any time, some rows without; a number."""
    levels = draw.uniform(60, 120, ROWS).round(1)
    cells = [
        [{"time": 10.0 * k, "hr": level + k % 3, "bp": 2 * level - k}
         for k in range(1 + n % 6)]
        for n, level in enumerate(levels)
    ]  # fmt: skip
    table = {
        "chart": [None if n % 13 == 7 else cell for n, cell in enumerate(cells)],
        "level": levels.tolist(),
    }
    inputs: dict[str, Any] = {"chart": {"type": "Series", "encoder": "summary"}}
    return Learner(["level"], inputs, width=8, training=QUICK), table


def bags(draw: np.random.Generator) -> tuple[Learner, Columns]:
    """Vectors, places, and lists of categories, through experts that tasks share."""
    table = {
        "clip": [draw.normal(size=4).round(3).tolist() for _ in range(ROWS)],
        "lat": draw.uniform(47, 55, ROWS).round(3).tolist(),
        "lon": draw.uniform(6, 15, ROWS).round(3).tolist(),
        "bought": [[("a", "b", "c")[(n + k) % 3] for k in range(n % 4)] for n in range(ROWS)],
        "spent": [2.0 * n + n % 3 for n in range(ROWS)],
        "back": ["yes" if n % 3 else "no" for n in range(ROWS)],
    }
    inputs: dict[str, Any] = {"bought": {"type": "Bag", "of": "Categorical"}}
    targets = ["spent", "back"]
    return Learner(targets, inputs, width=8, sharing="MMoE", fusion="GMU", training=QUICK), table


SHAPES: dict[str, Callable[[np.random.Generator], tuple[Learner, Columns]]] = {
    made.__name__: made for made in (numbers, texts, pictures, series, bags)
}


def keep(folder: Path, shape: str) -> Path:
    """Fit a model of a shape, and keep it with its answers."""
    learner, table = SHAPES[shape](np.random.default_rng(0))
    rows = pa.table({name: cells[:ASKED] for name, cells in table.items()})
    learner.fit(table)
    folder.mkdir(parents=True)
    learner.save(folder / "model")
    feather.write_feather(rows, str(folder / "rows.arrow"), compression="uncompressed")
    answers = plait.load(folder / "model").predict(rows).to_pydict()
    text = json.dumps(answers, indent=1, ensure_ascii=False)
    (folder / "answers.json").write_text(text + "\n", encoding="utf-8")
    return folder


def main() -> None:
    """Keep what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=HERE / version("plait"))
    folder = parser.parse_args().folder
    for shape in SHAPES:
        if not (folder / shape).exists():
            made = keep(folder / shape, shape)
            size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
            print(f"{made}: {size:,} bytes")


if __name__ == "__main__":
    main()
