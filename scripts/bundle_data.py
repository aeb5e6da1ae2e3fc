"""Cut the four small data sets in ``examples/data`` out of their larger sources.

    python scripts/bundle_data.py SOURCE [examples/data]

SOURCE holds ``fashion_products/`` (products.csv, images.zip), ``womens_clothing/``
(reviews.csv.gz), ``fsdd/`` (labels.csv, recordings.zip) and ``icu_physionet2012/`` (patients.csv,
series.csv.gz). Only the standard library is used and every draw is seeded, so the same source gives
the same bytes on every machine; of what is compressed, those of the same zlib.
"""

import argparse
import csv
import gzip
import random
import shutil
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

Row = dict[str, str]

FASHION_COLUMNS = [
    "product_id", "image", "title", "masterCategory", "subCategory", "articleType", "baseColour",
    "usage", "split",
]  # fmt: skip
FASHION_TARGETS = ["masterCategory", "subCategory", "articleType", "baseColour", "usage"]
FASHION_ROWS = {"train": 1050, "val": 150, "test": 300}
FREQUENT = 5  # a class with at least this many rows in the source ...
KEPT = 3  # ... keeps at least this many rows (or all it has) in the training part

REVIEW_COLUMNS = [
    "Clothing ID", "Age", "Title", "Review Text", "Rating", "Recommended IND",
    "Positive Feedback Count", "Division Name", "Department Name", "Class Name",
]  # fmt: skip
REVIEW_ROWS = {"train": 2800, "valid": 400, "test": 800}

DIGIT_COLUMNS = ["sound", "digit", "speaker", "split"]
DIGIT_TAKES = {"0": "test", "5": "train", "6": "train", "7": "train", "8": "train"}

STAY_COLUMNS = [
    "RecordID", "Age", "Gender", "Height", "Weight", "ICUType",
    "SAPS_I", "SOFA", "Length_of_stay", "Survival", "In_hospital_death", "split",
]  # fmt: skip
STAY_ROWS = {"train": 260, "test": 80}
UNKNOWN = "-1"  # how the source writes an outcome that nobody knows

SEED = 0


def fashion(source: Path, out: Path) -> None:
    """Draw products per split and copy their pictures byte for byte."""
    with (source / "products.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    frequent = {
        (column, name)
        for column in FASHION_TARGETS
        for name, count in Counter(row[column] for row in rows).items()
        if count >= FREQUENT
    }
    dice = random.Random(SEED)
    chosen: list[int] = []
    for split, wanted in FASHION_ROWS.items():
        there = [at for at, row in enumerate(rows) if row["split"] == split]
        dice.shuffle(there)
        first = _cover(rows, there, frequent) if split == "train" else []
        taken = set(first)
        chosen += (first + [at for at in there if at not in taken])[:wanted]
    kept = [rows[at] for at in sorted(chosen)]

    images = out / "images"
    shutil.rmtree(images, ignore_errors=True)
    images.mkdir(parents=True)
    with zipfile.ZipFile(source / "images.zip") as archive:
        for row in kept:
            (out / row["image"]).write_bytes(archive.read(row["image"]))
    _write(out / "products.csv", FASHION_COLUMNS, kept)


def _cover(rows: Sequence[Row], order: Sequence[int], frequent: set[tuple[str, str]]) -> list[int]:
    """Rows, in ``order``, that bring every frequent class up to ``KEPT``."""
    seen: Counter[tuple[str, str]] = Counter()
    first = []
    for at in order:
        classes = {(column, rows[at][column]) for column in FASHION_TARGETS} & frequent
        if any(seen[one] < KEPT for one in classes):
            first.append(at)
            seen.update(classes)
    return first


def clothing(source: Path, out: Path) -> None:
    """Draw reviews per split; the validation rows come out of the source's training part."""
    with gzip.open(source / "reviews.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    dice = random.Random(SEED)
    parts: dict[str, list[int]] = {"train": [], "test": []}
    for at, row in enumerate(rows):
        parts[row["split_shi"]].append(at)
    for part in parts.values():
        dice.shuffle(part)
    train, valid = REVIEW_ROWS["train"], REVIEW_ROWS["valid"]
    drawn = {
        "train": parts["train"][:train],
        "valid": parts["train"][train : train + valid],
        "test": parts["test"][: REVIEW_ROWS["test"]],
    }
    split = {at: name for name, part in drawn.items() for at in part}
    kept = [rows[at] | {"split": split[at]} for at in sorted(split)]
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "reviews.csv", [*REVIEW_COLUMNS, "split"], kept)


def digits(source: Path, out: Path) -> None:
    """Some takes of every digit and speaker, byte for byte; take 0 is of the official test part."""
    with (source / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["take"] in DIGIT_TAKES]
    sounds = out / "sounds"
    shutil.rmtree(sounds, ignore_errors=True)
    sounds.mkdir(parents=True)
    kept = []
    with zipfile.ZipFile(source / "recordings.zip") as archive:
        for row in rows:
            (sounds / row["file"]).write_bytes(archive.read(f"recordings/{row['file']}"))
            kept.append(row | {"sound": f"sounds/{row['file']}", "split": DIGIT_TAKES[row["take"]]})
    _write(out / "digits.csv", DIGIT_COLUMNS, kept)


def icu(source: Path, out: Path) -> None:
    """Draw stays per split, with all of their measurements; unknown outcomes become empty."""
    with (source / "patients.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    dice = random.Random(SEED)
    chosen: list[int] = []
    for split, wanted in STAY_ROWS.items():
        there = [at for at, row in enumerate(rows) if row["split"] == split]
        dice.shuffle(there)
        chosen += there[:wanted]
    kept = [
        {name: "" if value == UNKNOWN else value for name, value in rows[at].items()}
        for at in sorted(chosen)
    ]
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "patients.csv", STAY_COLUMNS, kept)

    wanted_stays = {row["RecordID"] for row in kept}
    with gzip.open(source / "series.csv.gz", "rt", encoding="utf-8", newline="") as file:
        head, *lines = file
    lines = [line for line in lines if line.split(",", 1)[0] in wanted_stays]
    # Neither a name nor a time goes into the file, so that it is the same whenever it is made.
    with (
        (out / "series.csv.gz").open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0) as packed,
    ):
        packed.write("".join([head, *lines]).replace("\r\n", "\n").encode())
    print(f"{out / 'series.csv.gz'}: {len(lines)} rows")


def _write(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    print(f"{path}: {len(rows)} rows")


def main() -> None:
    """Read the two folder names and write the data sets."""
    parser = argparse.ArgumentParser(description="Cut the bundled data out of its sources.")
    parser.add_argument("source", type=Path, help="folder of the source data sets")
    parser.add_argument("out", type=Path, nargs="?", default=Path("examples/data"))
    given = parser.parse_args()
    fashion(given.source / "fashion_products", given.out / "fashion")
    clothing(given.source / "womens_clothing", given.out / "clothing")
    digits(given.source / "fsdd", given.out / "digits")
    icu(given.source / "icu_physionet2012", given.out / "icu")


if __name__ == "__main__":
    main()
