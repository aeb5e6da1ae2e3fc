"""What tasks with classes share: labels to numbers, and numbers back to labels."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field

from plait._errors import DataError, listing
from plait.data import Note
from plait.data._cells import texts

KINDS = {
    "whole": pa.int64(),
    "number": pa.float64(),
    "yes-no": pa.bool_(),
    "text": pa.string(),
}
ORDERS = {"whole": int, "number": float}
"""How written labels are put in order; text by its letters."""


def _as_text(names: Any) -> Any:
    if isinstance(names, Mapping):
        return {_written(name): value for name, value in names.items()}
    if isinstance(names, list | tuple):
        return tuple(_written(name) for name in names)
    return names


def _written(name: Any) -> Any:
    if isinstance(name, bool):
        return str(name).lower()
    return str(name) if isinstance(name, int) else name


Names = Annotated[tuple[str, ...], BeforeValidator(_as_text)]
"""Names of classes; whole numbers and truth values are written out."""

Weights = Annotated[dict[str, Annotated[float, Field(gt=0)]], BeforeValidator(_as_text)]
"""A weight for each class by its name."""


def kind_of(column: pa.Array) -> str:
    """In which of four forms the labels of a column are to be answered.

    Example:
        >>> kind_of(pa.array([1.0, None, 3.0])), kind_of(pa.array(["a"]))
        ('whole', 'text')
    """
    if pa.types.is_boolean(column.type):
        return "yes-no"
    if pa.types.is_integer(column.type):
        # Unsigned numbers beyond 2**63 are kept as text: Arrow has no wider ones to answer in.
        small = column.type != pa.uint64() or (pc.max(column).as_py() or 0) < 2**63
        return "whole" if small else "text"
    if pa.types.is_floating(column.type):
        # NaN is a hole here, and what is too large for a whole number of 64 bits stays a float.
        known = column.filter(pc.invert(pc.is_nan(column)))
        whole = pc.and_(pc.equal(known, pc.floor(known)), pc.less(pc.abs(known), 2.0**63))
        return "whole" if pc.all(whole).as_py() else "number"
    return "text"


def classes_of(column: pa.Array, kind: str) -> tuple[str, ...]:
    """The distinct labels of a column, numbers in their order and names in theirs.

    Example:
        >>> classes_of(pa.array([10, 9, 10, None]), "whole")
        ('9', '10')
    """
    found = texts(column).unique().drop_null().to_pylist()
    return tuple(sorted(found, key=ORDERS.get(kind, str)))


def codes_of(column: pa.Array, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray, pa.Array]:
    """The place of each label among the classes.

    Returns:
        Places int64 ``[rows]``, which rows have a known label, and the labels that are unknown.
    """
    cells = texts(column)
    place = pc.index_in(cells, value_set=pa.array(classes, pa.large_string()))
    known = place.is_valid().to_numpy(zero_copy_only=False)
    unknown = cells.filter(pc.and_(place.is_null(), cells.is_valid()))
    codes = pc.fill_null(place, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, known, unknown


def answers(codes: np.ndarray, classes: Sequence[str], kind: str) -> pa.Array:
    """Labels in the form in which they came in."""
    return pa.array(classes, pa.string()).cast(KINDS[kind]).take(pa.array(codes))


def shares(probabilities: np.ndarray, classes: Sequence[str]) -> pa.Array:
    """Probabilities ``[rows, classes]`` as a column of structs, class to probability."""
    flat = [pa.array(column) for column in np.ascontiguousarray(probabilities.T)]
    return pa.StructArray.from_arrays(flat, names=list(classes))


def each_once(classes: Sequence[str], column: str) -> None:
    """Refuse names of classes of which two are the same.

    Raises:
        DataError: If there are such.
    """
    twice = sorted({name for name in classes if list(classes).count(name) > 1})
    if twice:
        raise DataError(
            f"Each class of {column!r} should have a name of its own. Given twice: "
            f"{listing(twice)}."
        )


def at_least_two(classes: Sequence[str], column: str) -> None:
    """Refuse a target that leaves nothing to tell apart.

    Raises:
        DataError: If there is one class only.
    """
    if len(classes) == 1:
        raise DataError(
            f"The target {column!r} should have at least two classes. Found only {classes[0]!r} "
            "in the training rows. Add rows of another class, or leave the target out."
        )


def label_notes(column: str, empty: int, unknown: pa.Array | None = None) -> list[Note]:
    """The account of labels that could not be used: empty cells, and classes never seen."""
    notes = [Note(column, "without a label", empty)] if empty else []
    if unknown is not None and len(unknown):
        few = tuple(unknown.unique().slice(0, 3).to_pylist())
        notes.append(Note(column, "labels not seen in training", len(unknown), few))
    return notes


def castable(kind: str, classes: Sequence[str]) -> str:
    """The form in which all these classes can be answered: that of the labels, else text.

    Example:
        >>> castable("whole", ["1", "2"]), castable("whole", ["low", "2"])
        ('whole', 'text')
    """
    try:
        pa.array(classes, pa.string()).cast(KINDS[kind])
    except pa.ArrowInvalid:
        return "text"
    return kind
