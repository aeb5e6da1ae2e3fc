"""What each column and each target seems to be, and what would become of its cells."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import UserError
from plait._words import percent
from plait.data import Masked, Note, Table
from plait.data._cells import is_bytes, is_list, numbers, texts
from plait.modalities import Modality
from plait.modalities._pictures import Sources
from plait.schema._guess_input import guess_input
from plait.schema._guess_target import guess_target
from plait.tasks import Task

from ._finding import Finding

QUICK = ("Numeric", "Categorical", "Datetime", "Tags", "Vector")
"""Modalities that are fitted and packed in no time, so that the account of their cells is whole."""
NEARLY = 0.995
"""From this share of one value (or of none) on, a column is nearly constant."""
DENSE = 1.5
"""Whole numbers that are all different and lie within so many times the rows number them."""
LEAST = 50
"""So many rows there have to be before a column is said to number them."""


@dataclass(frozen=True)
class Tally:
    """How the cells of a column are spread.

    Args:
        missing: The share of empty ones.
        distinct: How many different ones there are; None where they cannot be compared.
        most: The most frequent one, as text; None where it is the empty one.
        share: How frequent it is.
    """

    missing: float
    distinct: int | None
    most: str | None
    share: float

    @classmethod
    def of(cls, cells: pa.Array) -> "Tally":
        """The tally of a column."""
        rows = len(cells)
        if is_list(cells.type) or is_bytes(cells.type) or cells.type.num_fields:
            missing = cells.null_count / rows
            return cls(missing, None, None, missing)
        if pa.types.is_floating(cells.type):
            cells = pc.if_else(pc.is_nan(cells), pa.scalar(None, cells.type), cells)
        elif not (pa.types.is_integer(cells.type) or pa.types.is_boolean(cells.type)):
            cells = texts(cells)
        missing = cells.null_count / rows
        known = pc.value_counts(cells.drop_null())
        counts = known.field("counts")
        if not len(counts):
            return cls(missing, 0, None, missing)
        place = pc.index(counts, pc.max(counts)).as_py()
        share = counts[place].as_py() / rows
        if missing >= share:
            return cls(missing, len(counts), None, missing)
        most = texts(known.field("values").slice(place, 1))[0].as_py()
        return cls(missing, len(counts), most, share)


def column_of(
    table: Table, name: str, part: Modality | None, ignored: str | None, declared: bool
) -> tuple[dict[str, Any], list[Finding]]:
    """What a column seems to be, and whether it says too little or numbers the rows."""
    cells = table[name]
    guess, tally = guess_input(name, cells), Tally.of(cells)
    why = ignored or ("you said so" if declared or part is None else guess.why)
    told = {
        "name": name,
        "kind": type(part).__name__ if part else "ignore",
        "why": why,
        "missing": tally.missing,
        "distinct": tally.distinct,
        "options": dict(guess.options) if part and not declared else {},
    }
    if part is None:
        return told, []
    return told, [*_nearly_constant(name, tally), *_numbers_rows(name, cells, tally)]


def target_of(
    table: Table, name: str, task: Task, wish: Any, notes: list[Note]
) -> tuple[dict[str, Any], Task]:
    """What a target seems to be, and the task that was fitted to it."""
    task = task if task.column else replace(task, column=name)
    fitted = task.fit(table)
    packed = fitted.pack(table)
    assert isinstance(packed.cells, Masked)  # labels are dense
    notes += packed.notes
    kind = type(fitted).__name__
    classes = [*(getattr(fitted, "classes", None) or getattr(fitted, "labels", None) or ())]
    guess = None if wish else guess_target(name, table[task.column])
    found = {
        "name": name,
        "type": kind,
        "why": guess.why if guess else "you said so",
        "labeled": int(packed.cells.mask.sum()),
        "rows": len(table),
        "classes": classes,
        "options": dict(guess.options) if guess else {},
    }
    return ({**found, "positive": classes[1]} if kind == "Binary" else found), fitted


def account_of(table: Table, name: str, part: Modality, notes: list[Note]) -> list[str]:
    """What keeps an input from being used; what would become of its cells is put to the notes."""
    part = part if part.columns else replace(part, columns=(name,))
    try:
        if type(part).__name__ in QUICK:
            notes += part.fit(table).pack(table).notes
        elif type(part).__name__ == "Image":
            for column in part.columns:
                Sources.of(table[column], column, table.root)
    except UserError as error:
        return [str(error)]
    return []


def _nearly_constant(name: str, tally: Tally) -> list[Finding]:
    if tally.share < NEARLY:
        return []
    what = "empty" if tally.most is None else repr(tally.most)
    told = (
        f"{name!r} is {what} in {percent(tally.share)} of all rows: it can hardly say anything of "
        f"the others. Leave it out, if these rows do not matter: inputs={{{name!r}: 'ignore'}}."
    )
    figures: Mapping[str, Any] = {"value": tally.most, "share": tally.share}
    return [Finding("constant", told, name, figures=figures)]


def _numbers_rows(name: str, cells: pa.Array, tally: Tally) -> list[Finding]:
    rows = len(cells)
    if tally.distinct != rows or rows < LEAST:
        return []
    values, lost = numbers(cells)
    if lost or (values != np.floor(values)).any() or np.ptp(values) + 1 > DENSE * rows:
        return []
    told = (
        f"{name!r} seems to number the rows: {rows:,} different whole numbers from "
        f"{values.min():.0f} to {values.max():.0f}. Leave it out: inputs={{{name!r}: 'ignore'}}."
    )
    figures = {"from": float(values.min()), "to": float(values.max())}
    return [Finding("id", told, name, figures=figures)]
