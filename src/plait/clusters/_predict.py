"""Answers for long tables on a cluster: Ray reads, shares out and writes."""

import logging
import secrets
import shutil
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyarrow.parquet import read_metadata

from plait._account import Account
from plait._errors import ConfigError, DataError, PlaceError
from plait._load import load
from plait._order import place_of
from plait.data import Note

from ._answered import Answered
from ._answerer import Answerer
from ._ledger import Ledger
from ._ray import needed, running

READERS = {
    ".parquet": "read_parquet",
    ".pq": "read_parquet",
    ".csv": "read_csv",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}
ROWS = 16_384
"""How many rows are answered at a time."""


def predict(
    run: str | Path,
    data: Any,
    output: str | Path,
    *,
    workers: int = 1,
    keep: Iterable[str] = (),
    root: str | Path | None = None,
) -> Answered:
    """Answer every row of a long table on a cluster of Ray, in order, into Parquet files.

    Use it where the rows are in many files, or the machine is too small; for a table that one
    process can answer, :meth:`plait.Learner.stream` is simpler. Ray reads the files: a CSV whose
    columns look like numbers in one file and like words in another is better made Parquet first.
    A cluster is used or started as by :func:`fit`. Answers are computed on the processor.

    Args:
        run: The folder of a saved model, which all machines reach.
        data: Files of one kind, Parquet, CSV or JSON lines, which all machines reach, or a dataset
            of Ray.
        output: The folder to write, which all machines reach and which is not there yet. It is
            there whole, or not at all.
        workers: How many processes answer, at most; each takes a core. Reading takes one too.
        keep: Columns of the input to put before the answers.
        root: The folder that paths of pictures start from; left out, that of the files.

    Raises:
        ConfigError: If Ray is not installed, or ``workers`` is no number from 1 on.
        ArtifactError: If there is no model, or it is damaged.
        DataError: If the table is no such file, or cannot be answered.
        PlaceError: If there is something where the answers should be written.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ConfigError(f"`workers` should be a number from 1 on. Got {workers!r}.")
    target = Path(output).expanduser().absolute()
    if target.exists():
        raise PlaceError(
            f"The answers should go to a folder that is not there yet. Found {str(target)!r}. "
            "Choose another name, or remove it."
        )
    schema = load(run).schema  # a model that is damaged is told before Ray is started
    words = [keep] if isinstance(keep, str) else list(keep)
    rays = needed("ray.data")
    files = None if isinstance(data, rays.Dataset) else _files(data)
    if root is None and files and len({Path(each).parent for each in files}) == 1:
        root = Path(files[0]).parent
    home = str(Path(run).expanduser().absolute()), None if root is None else str(root)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with running() as ray, _in_order(rays):
            rows = data if files is None else _read(rays, files)
            ledger = ray.remote(num_cpus=0)(Ledger).remote()
            answered = rows.map_batches(
                Answerer,
                fn_constructor_args=(home[0], words, home[1], ledger),
                batch_format="pyarrow",
                batch_size=ROWS,
                zero_copy_batch=True,
                compute=rays.ActorPoolStrategy(min_size=1, max_size=workers),
                num_cpus=1,
            )
            try:
                answered.write_parquet(str(draft))
            except ray.exceptions.RayError as error:
                raise _failed(error) from error
            notes = [Note(*each) for each in ray.get(ledger.found.remote())]
        counts = [read_metadata(path).num_rows for path in sorted(draft.glob("*.parquet"))]
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    rows_answered = sum(counts)
    return Answered(rows_answered, target, Account.of(schema, rows_answered, notes))


def _files(data: Any) -> list[str]:
    found = place_of(data)
    endings = {Path(each).suffix.lower() for each in found or ()}
    if found is None or len(endings) != 1 or not endings <= set(READERS):
        raise DataError(
            f"The rows should be files of one kind, which ends in {', '.join(READERS)}, or a "
            f"dataset of Ray. Got {data if found else type(data).__name__!r}."
        )
    return found


def _read(rays: Any, files: Sequence[str]) -> Any:
    from plait.data._find import find

    found = [str(file) for file in find(files)]  # globs too; a file that is not there is told
    return getattr(rays, READERS[Path(found[0]).suffix.lower()])(found)


@contextmanager
def _in_order(rays: Any) -> Generator[None]:
    """Let Ray keep the order of the rows, and tell nothing but errors."""
    context, log = rays.DataContext.get_current(), logging.getLogger("ray.data")
    options, level = context.execution_options, log.level
    # The newer reader of Parquet lists files by threads, in whatever order these end; where aiohttp
    # is not installed, all but one of them fail (Ray 2.60).
    wanted = {"enable_progress_bars": False, "use_datasource_v2": False}
    before = {name: getattr(context, name, None) for name in wanted}, options.preserve_order
    for name, value in wanted.items():
        setattr(context, name, value)
    options.preserve_order = True
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, value in before[0].items():
            setattr(context, name, value)
        options.preserve_order = before[1]
        log.setLevel(level)


def _failed(error: Exception) -> DataError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return DataError(f"The rows could not be answered on the cluster: {' '.join(lines)[-1500:]}")
