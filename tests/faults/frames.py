"""Tables that nobody would make on purpose, as strategies of hypothesis."""

import datetime as dt
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa

ODD = [
    "",
    " ",
    "nan",
    "NaN",
    "None",
    "null",
    "0",
    "-0",
    "1e999",
    "007",
    "a\x00b",
    "\ufeff",
    "é",
    "e\u0301",
    "😀",
    "\u202egnp",
    "x" * 300,
    "a|b;c,d",
    "true",
    "1,5",
    "2020-01-01",
    "31.12.2020",
    "no",
    "🏳️‍🌈",
    "\t\n",
    "../../etc/passwd",
    "a.jpg",
    "https://x.y/z.png",
    "=1+1",
    "<b>",
    "${HOME}",
    "%s",
    "{0}",
]

WORDS = st.sampled_from(
    ["red", "green", "blue", "flat", "the", "a", "of", "and", "12", "near", "lake"]
)
SENTENCES = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
FLOATS = st.one_of(
    st.floats(width=64),
    st.floats(-100, 100),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), 2.0**53 + 1]),
)
WHOLE = st.one_of(
    st.integers(-5, 5),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([2**53, 2**53 + 1, -(2**63)]),
)
DAYS = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
MOMENTS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1))
TEXTS = st.one_of(st.sampled_from(ODD), st.text(max_size=12), SENTENCES)
WRITTEN_DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2030, 1, 1))

CELLS: dict[str, st.SearchStrategy[Any]] = {
    "floats": FLOATS,
    "small": st.floats(-9, 9),
    "whole": WHOLE,
    "yes": st.booleans(),
    "few": st.sampled_from(["a", "b", "c"]),
    "odd": TEXTS,
    "sentences": SENTENCES,
    "numbers as text": st.one_of(FLOATS.map(str), WHOLE.map(str)),
    "days": DAYS,
    "moments": MOMENTS,
    "written days": WRITTEN_DAYS.map(str),
    "other days": WRITTEN_DAYS.map(lambda day: day.strftime("%d.%m.%Y")),
    "vectors": st.lists(st.floats(-9, 9), min_size=3, max_size=3),
    "ragged": st.lists(FLOATS, max_size=5),
    "tags": st.lists(st.sampled_from(["x", "y", "z", ""]), max_size=4),
    "bag": st.lists(TEXTS, max_size=3),
    "series": st.lists(st.lists(st.floats(-9, 9), min_size=2, max_size=2), max_size=4),
    "bytes": st.binary(max_size=8),
    "degrees": st.floats(-90, 90),
    "nothing": st.none(),
    "decimals": st.decimals(-99, 99, places=2),
}
NAMES = [
    "x",
    "lat",
    "lon",
    "id",
    "split",
    "numbers",
    "categories",
    "zip_code",
    "a.b",
    "Ü",
    " ",
    "y_probabilities",
    "when",
    "columns",
    "type",
    "0",
    "x" * 80,
    "\u202e",
    "class",
]
TYPES = {"days": pa.date32(), "moments": pa.timestamp("us"), "nothing": pa.null()}


@st.composite
def columns(draw: st.DrawFn, rows: int, kind: str | None = None) -> pa.Array:
    """A column of so many rows, some of them empty, some kinds as dictionaries."""
    kind = kind or draw(st.sampled_from(sorted(CELLS)))
    cells = draw(st.lists(CELLS[kind], min_size=rows, max_size=rows))
    holes = draw(st.sampled_from([0, 0, 2, 3, 7]))
    if holes:
        start = draw(st.integers(0, holes - 1))
        cells = [None if (n + start) % holes == 0 else cell for n, cell in enumerate(cells)]
    if draw(st.integers(0, 9)) == 0:
        cells = [cells[0]] * rows
    array = pa.array(cells, TYPES.get(kind))
    encode = kind in ("few", "odd") and draw(st.booleans())
    return array.dictionary_encode() if encode else array


@st.composite
def tables(draw: st.DrawFn, least: int = 1, most: int = 24) -> pa.Table:
    """A table of one to five inputs of any kind and a target ``y``, sometimes a second one."""
    rows = draw(st.integers(least, most))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    made = {name: draw(columns(rows)) for name in names}
    made["y"] = draw(columns(rows))
    if draw(st.booleans()):
        made["z"] = draw(columns(rows, draw(st.sampled_from(["small", "few", "yes", "whole"]))))
    return pa.table(made)


@st.composite
def others(draw: st.DrawFn, known: pa.Schema, kinds: dict[str, str], most: int = 12) -> pa.Table:
    """A table for a model of another one: columns may be gone, new, or of another kind."""
    rows = draw(st.integers(1, most))
    made = {}
    for name in known.names:
        fate = draw(st.sampled_from(["same", "same", "same", "other", "gone"]))
        if fate != "gone":
            kind = kinds.get(name) if fate == "same" else None
            made[name] = draw(columns(rows, kind))
    if draw(st.booleans()) or not made:
        made["something new"] = draw(columns(rows))
    return pa.table(made)
