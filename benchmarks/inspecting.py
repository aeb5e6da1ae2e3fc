"""What ``plait.inspect`` says of real tables, and how long it takes on long ones.

``python -m benchmarks.inspecting alarms FOLDER`` reads the tables of the benchmarks from a folder;
``python -m benchmarks.inspecting speed 1000000`` makes a table of 30 columns and inspects it alone
and with a second one as long.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import plait

TABLES: dict[str, tuple[str, str, list[list[str]]]] = {
    "census income": (
        "census_income/census_income.csv.gz",
        "split",
        [["income_50k", "marital_stat"], ["education"]],
    ),
    "clothing reviews": (
        "womens_clothing/reviews.csv.gz",
        "split_shi",
        [["Rating", "Recommended IND"], ["Recommended IND"], ["Department Name"]],
    ),
    "fashion products": (
        "fashion_products/products.csv",
        "split",
        [
            ["masterCategory", "subCategory", "articleType", "baseColour", "usage"],
            ["masterCategory"],
        ],
    ),
    "spoken digits": ("fsdd/labels.csv", "", [["digit", "speaker"]]),
    "stays in intensive care": (
        "icu_physionet2012/patients.csv",
        "split",
        [
            ["In_hospital_death", "Length_of_stay", "SAPS_I", "SOFA", "Survival"],
            ["In_hospital_death"],
        ],
    ),
    "films": (
        "imdb_movies/movies.csv",
        "split_shi",
        [["Genre", "Rating", "Metascore", "Revenue (Millions)"], ["Rating"]],
    ),
    "building energy": (
        "energy_efficiency/energy.csv",
        "",
        [["heating_load", "cooling_load"], ["heating_load"]],
    ),
    "houses": ("houses/houses.csv", "split", [["price"], ["price", "area", "bedrooms"]]),
}


def alarms(folder: Path) -> None:
    """Every finding on every table, each with its figures."""
    for name, (file, split, asked) in TABLES.items():
        table, rest = plait.Table.of(folder / file), None
        if split:
            parts = {str(part) for part in table[split].unique().to_pylist()} - {"train"}
            table, rest = table.where(split, "train"), table.where(split, *parts)
        media = dict.fromkeys({"image", "file"} & set(table.names), "ignore")
        for targets in asked:
            found = plait.inspect(table, targets, media, valid=rest)
            print(f"{name}: {found.rows:,} rows, {', '.join(targets)}")
            for each in found.findings:
                subject = each.column or each.target or ""
                print(f"  {each.kind} {subject} {dict(each.figures)}")


def speed(rows: int) -> None:
    """Processor time and peak of memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        # In a process of its own, so that the peak is that of looking and not of making.
        maker = multiprocessing.get_context("spawn").Process(target=write, args=(path, rows))
        maker.start()
        maker.join()
        for valid in (None, path):
            began = time.process_time()
            plait.inspect(path, ["y", "z"], valid=valid)
            seconds = time.process_time() - began
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(
                f"{rows:,} rows, second table {valid is not None}: {seconds:.1f} s, {peak:.2f} GiB"
            )


def write(path: Path, rows: int) -> None:
    """Make the table and write it."""
    pq.write_table(made(rows), path)


def made(rows: int) -> pa.Table:
    """18 columns of floats, some with holes, 6 of categories, days, keys, counts, text, targets."""
    draw = np.random.default_rng(0)
    columns: dict[str, pa.Array] = {}
    for place in range(18):
        holes = draw.random(rows) < 0.05 * (place % 3)
        columns[f"x{place}"] = pa.array(draw.normal(size=rows), mask=holes)
    for place in range(6):
        kinds = 5 * 10 ** (place // 2)
        names = np.array([f"v{kind}" for kind in range(kinds)])
        columns[f"c{place}"] = pa.array(names[draw.integers(0, kinds, rows)])
    days = draw.integers(0, 1_000, rows).astype("timedelta64[D]")
    columns["when"] = pa.array(np.datetime64("2020-01-01") + days)
    columns["key"] = pa.array([f"k{number:08d}" for number in draw.permutation(rows)])
    columns["n"] = pa.array(draw.integers(0, 50, rows))
    texts = np.array([f"some words about {n} and {n * 7 % 13} things" for n in range(5_000)])
    columns["text"] = pa.array(texts[draw.integers(0, 5_000, rows)])
    first = columns["x0"].to_numpy(zero_copy_only=False)
    columns["y"] = pa.array(first * 2 + draw.normal(size=rows))
    columns["z"] = pa.array(draw.random(rows) < 0.3)
    return pa.table(columns)


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("alarms").add_argument("folder", type=Path)
    verbs.add_parser("speed").add_argument("rows", type=int)
    said = parser.parse_args(words)
    if said.verb == "alarms":
        alarms(said.folder)
    else:
        speed(said.rows)


if __name__ == "__main__":
    main()
