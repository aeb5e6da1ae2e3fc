"""Photos beside numbers: decoding, training, and the share of the data path."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image as Pillow

from plait import Table, Trainer

from .. import _generate
from .._folder import kinds_of, schema_of, write, write_real
from ._base import Clock, Job, Metrics, Scenario
from ._training import by_full_loop, by_loop, by_trainer, data_share, model_of, settings

CHOICES = {"epochs": 3, "batch_size": 128, "width": 128}
SIZE = 64


def prepare(job: Job, data: Path | None) -> None:
    """5,000 JPEGs of 200 x 200 and 6 numbers; and 1,000 to answer."""
    if data:
        write_real(job, "pictures_table", "fashion_products", data, **CHOICES)
        return
    rng = np.random.default_rng(job.seed)
    rows, more = job.rows(5_000), job.rows(1_000)
    parts = {
        "photo": lambda: _generate.photos(rng, rows + more, job.folder),
        "numbers": lambda: _generate.numbers(rng, rows + more, 6),
    }
    table = _generate.table(rng, parts)
    inputs = kinds_of(table.column_names[:-3], {"p": "image", "n": "numeric"})
    train, test = table.slice(0, rows), table.slice(rows)
    write(job, "pictures_table", train, test, inputs, _generate.TARGETS, **CHOICES)


def decode_plait(job: Job) -> Metrics:
    """``schema.pack``, and the first epoch behind it."""
    table = Table.of(job.folder / "train.parquet")
    schema = schema_of(job, table)
    with Clock() as packing:
        pack = schema.pack(table)
    trainer = Trainer(schema, settings(job, epochs=1), job.seed)
    with Clock() as training:
        trainer.fit(model_of(job, schema), pack)
    both = packing.seconds + training.seconds
    return {
        "pack_seconds": (packing.seconds, "s"),
        "pictures_per_second": (len(pack) / packing.seconds, "pictures/s"),
        "decode_share": (packing.seconds / both, "of the first epoch"),
    }


def decode_by(how: Callable[[Job], ThreadPoolExecutor | None]) -> Callable[[Job], Metrics]:
    """A bare loop over the same files, in one thread or in as many as plait takes."""

    def measure(job: Job) -> Metrics:
        column = job.columns("image")[0]
        cells = pq.read_table(job.folder / "train.parquet", columns=[column])[column].to_pylist()
        paths = [job.folder / cell for cell in cells if cell]
        pixels = np.zeros((len(paths), 3, SIZE, SIZE), np.uint8)

        def one(row: int) -> None:
            with Pillow.open(paths[row]) as picture:
                picture.draft("RGB", (SIZE, SIZE))
                small = picture.convert("RGB").resize(
                    (SIZE, SIZE), Pillow.Resampling.BILINEAR, reducing_gap=2
                )
                pixels[row] = np.asarray(small).transpose(2, 0, 1)

        pool = how(job)
        with Clock() as clock:
            if pool is None:
                for row in range(len(paths)):
                    one(row)
            else:
                with pool:
                    list(pool.map(one, range(len(paths)), chunksize=64))
        rate = len(paths) / clock.seconds
        return {
            "pack_seconds": (clock.seconds, "s"),
            "pictures_per_second": (rate, "pictures/s"),
        }

    return measure


SCENARIO = Scenario(
    "5,000 JPEGs of 200 x 200 to 64 x 64 and 6 numbers, 3 tasks, batch 128",
    prepare,
    {
        "decode": {
            "plait": decode_plait,
            "loop": decode_by(lambda job: ThreadPoolExecutor()),
            "loop_one_thread": decode_by(lambda job: None),
        },
        "train": {"plait": by_trainer, "loop": by_loop, "loop_full": by_full_loop},
        "share": {"plait": data_share},
    },
    peers=True,
)
