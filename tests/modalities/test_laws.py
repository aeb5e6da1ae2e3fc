"""What every declaration of an input promises, over everything the wing exports."""

import copy
import math
from dataclasses import FrozenInstanceError, fields, replace
from functools import partial

import pandas as pd
import pytest
import torch
from pydantic import TypeAdapter

from plait import modalities
from plait._catalogue import catalogue
from plait.data import Masked, Table, noise
from plait.modalities import Modality

KINDS = catalogue(modalities, Modality)

# Another value for every option, which must change something; and what only fit may set.
OTHER = {
    "Audio": {
        "columns": ("y",), "encoder": "hf:nowhere", "tune": "full", "layer_decay": 0.5,
        "rate": 7000, "seconds": 0.1, "mels": 20, "shift": 0.4, "speed": 0.4, "gain": 1.0,
        "masks": 3,
    },
    "Bag": {"columns": ("y",), "of": {"type": "Image", "size": 12}, "most": 1, "pool": "mean",
            "separator": "|"},
    "Categorical": {"columns": ("y",), "least": 2, "most": 1, "forget": 0.9},
    "Datetime": {"columns": ("y",), "format": "%Y-%d-%m"},
    "Geo": {"columns": ("y",), "scales": 3},
    "Image": {
        "columns": ("y",), "encoder": "vit", "size": 12, "flip": False, "shift": 0.4,
        "tune": "full", "layer_decay": 0.5,
    },
    "Numeric": {"columns": ("y",), "scaling": "quantile", "embedding": "linear", "bins": 2},
    "Series": {
        "columns": ("y",), "encoder": "steps", "time": "when", "variable": "what", "value": "size",
        "parts": 3, "steps": 3, "origin": "zero", "max_length": 3, "keep": "first",
        "duplicates": "refuse", "most": 2, "clip": 0.3, "bins": 2,
    },
    "Tags": {"columns": ("y",), "separator": " ", "least": 2, "most": 1},
    "Text": {
        "columns": ("y",), "encoder": "transformer", "max_length": 2, "vocabulary": 12,
        "longest": 1, "least": 1, "forget": 0.9, "tune": "full", "layer_decay": 0.5,
        "reader": False,
    },
    "Vector": {"columns": ("y",)},
    "Video": {"columns": ("y",), "of": {"type": "Image", "size": 12}, "frames": 2},
}  # fmt: skip
FOUND = {
    "Audio": {"fitted"},
    "Bag": set(),
    "Categorical": {"categories"},
    "Datetime": {"forms", "center", "scale", "span"},
    "Geo": {"center", "spread"},
    "Image": {"rows", "fitted"},
    "Numeric": {"fitted"},
    "Series": {"fitted"},
    "Tags": {"tags"},
    "Text": {"fitted"},
    "Vector": {"mean", "std"},
    "Video": set(),
}
SIDE_BY_SIDE = {"Numeric", "Categorical", "Datetime"}
"""Kinds that take any number of columns, each with a mask of its own."""
TOGETHER = {"Bag", "Geo", "Series"}
"""Kinds that make one cell of several columns."""


def equal(one: Masked, other: Masked) -> bool:
    """Whether they are the same; what is masked and padding do not count."""
    sizes = [max(pair) for pair in zip(one.mask.shape, other.mask.shape, strict=True)]
    one, other = (padded(cells, sizes) for cells in (one, other))
    return torch.equal(one.mask, other.mask) and torch.equal(
        one.values[one.mask], other.values[other.mask]
    )


def padded(cells: Masked, sizes: list[int]) -> Masked:
    """Cells whose mask is of these sizes; the rows are never padded."""
    mask = cells.mask.new_zeros(len(cells), *sizes[1:])
    values = cells.values.new_zeros(*mask.shape, *cells.values.shape[mask.ndim :])
    place = tuple(map(slice, cells.mask.shape))
    values[place], mask[place] = cells.values, cells.mask
    return Masked(values, mask)


def varies(part: Modality) -> bool:
    """Whether training sees something else than what stands there."""
    of = getattr(part, "of", part)
    return type(of).augment is not Modality.augment


def test_every_export_has_examples(examples):
    assert set(KINDS) == set(examples) == set(OTHER) == set(FOUND)


@pytest.mark.parametrize("kind", KINDS.values())
def test_default_constructible_and_unfitted_says_so(kind):
    part = kind()
    assert part == kind()
    for use in (lambda: replace(part, columns=("x",)).pack(Table.of({"x": ["a"]})),
                lambda: part.build(8)):  # fmt: skip
        with pytest.raises(RuntimeError, match="has not seen a table yet"):
            use()
    with pytest.raises(FrozenInstanceError, match="columns"):
        part.columns = ("y",)
    with pytest.raises(ValueError, match="colour"):
        kind(colour=1)


def test_an_input_of_one_column_refuses_two(case, examples):
    kind = type(case.part).__name__
    if kind in TOGETHER:
        assert any(len(each.columns) == 2 for each, _ in examples[kind])
        return
    two = replace(case.part, columns=("x", "y"))
    table = Table.of({"y": case.columns["x"], **case.columns})
    if kind in SIDE_BY_SIDE:
        assert two.fit(table).pack(table).cells.mask.shape[1] == 2
        return
    with pytest.raises(ValueError, match=r"should have one column. Found \['x', 'y'\]"):
        two.fit(table)


def test_fit_leaves_the_original_as_it_was(case):
    before = copy.deepcopy(case.part)
    known = case.fitted()
    assert case.part == before
    assert known != before
    assert known == case.fitted()
    assert known.fit(case.table) == known


def test_equal_after_json(case):
    for one in (case.part, case.fitted()):
        adapter = TypeAdapter(type(one))
        again = adapter.validate_json(adapter.dump_json(one))
        assert again == one
    assert equal(case.batch(again), case.batch(one))


def test_one_entry_a_row_and_missing_is_counted(case, empty):
    packed = case.fitted().pack(case.table)
    assert len(packed.cells) == len(case.table)
    assert packed.cells.present.tolist() == [row != empty for row in range(len(case.table))]
    counts = {column: cells.count(None) for column, cells in case.columns.items()}
    assert {n.column: n.count for n in packed.notes if n.what == "missing"} == counts


@pytest.mark.parametrize("hole", [None, math.nan, pd.NA, pd.NaT, "", " "], ids=repr)
def test_a_missing_cell_is_masked_whatever_the_hole(case, hole):
    if isinstance(hole, str) and not isinstance(case.columns["x"][0], str):
        pytest.skip("an empty text in a column of something else is another type")
    known = case.fitted()
    packed = known.pack(Table.of({c: [*v, hole] for c, v in case.columns.items()}))
    assert not packed.cells.present[-1]
    missing = {n.column: n.count for n in packed.notes if n.what == "missing"}
    assert missing == {c: v.count(None) + 1 for c, v in case.columns.items()}
    if not isinstance(hole, str):
        series = {c: pd.Series([*v, hole], dtype=object) for c, v in case.columns.items()}
        assert not known.pack(Table.of(pd.DataFrame(series))).cells.present[-1]


def test_an_empty_column_is_all_missing(case, as_batch):
    known = case.fitted()
    for cells in ([None, None], ["", " "]):
        packed = known.pack(Table.of(dict.fromkeys(case.columns, cells)))
        batch = as_batch(packed)
        assert len(batch) == 2
        assert not batch.present.any()
        assert {n.count for n in packed.notes if n.what == "missing"} == {2}
        inner = batch.mask.ndim
        assert batch.values.shape[inner:] == case.batch(known).values.shape[inner:]


def test_a_row_is_packed_alone_as_in_the_table(case, as_batch):
    known = case.fitted()
    whole = as_batch(known.pack(case.table))
    for row in range(len(whole)):
        alone = known.pack(Table.of({c: [v[row]] for c, v in case.columns.items()}))
        assert equal(as_batch(alone), whole.take(torch.tensor([row])))


def test_augment_is_a_function_of_seed_epoch_and_row(case):
    known = case.fitted()
    cells = case.batch(known, 20, present=False)
    cells = Masked(cells.values.clone(), cells.mask)
    rows = torch.arange(len(cells)) + 7
    before = cells.values.clone()
    one = known.augment(cells, partial(noise, 3, 1, rows))
    assert torch.equal(cells.values, before)
    assert torch.equal(one.mask, cells.mask)
    assert one.values.shape == cells.values.shape
    assert one.values.dtype == cells.values.dtype
    assert equal(known.augment(cells, partial(noise, 3, 1, rows)), one)
    few = torch.tensor([40, 3])
    assert equal(known.augment(cells.take(few), partial(noise, 3, 1, rows[few])), one.take(few))
    packed = known.pack(case.table).cells
    for row in torch.arange(len(packed)).split(1):  # alone, and with no more padding than it needs
        alone = known.augment(packed.take(row), partial(noise, 3, 1, rows[row]))
        assert equal(alone, one.take(row))
    if not varies(known):
        return
    assert not equal(one, cells)
    assert not equal(known.augment(cells, partial(noise, 4, 1, rows)), one)
    assert not equal(known.augment(cells, partial(noise, 3, 2, rows)), one)


def told(part: Modality, table: Table, as_batch) -> list:
    """All that a declaration comes to, in comparable form."""
    try:
        known = part.fit(table)
        packed = known.pack(table)
    except ValueError as error:
        return [str(error)]
    cells = as_batch(packed)
    rows = torch.arange(len(cells))
    varied = known.augment(cells, partial(noise, 0, 0, rows))
    torch.manual_seed(0)
    there = cells.take(cells.present.nonzero()[:, 0])
    tokens = known.build(8).eval()(there).values
    short = known.shortcut(2)
    sizes = [list(p.shape) for p in short.parameters()] if short else None
    tensors = [cells.values, cells.mask, varied.values, tokens]
    return [sizes, [str(note) for note in packed.notes], *[t.tolist() for t in tensors]]


@pytest.mark.parametrize("name", KINDS)
def test_every_option_changes_something(name, examples, as_batch):
    options = {field.name for field in fields(KINDS[name])}
    assert options == set(OTHER[name]) | FOUND[name]
    assert not set(OTHER[name]) & FOUND[name]
    part, columns = examples[name][0]
    part = replace(part, columns=("x",))
    shuffled = {"y": [*columns["x"][3:], *columns["x"][:3]]}
    table = Table.of({"x": columns["x"], **shuffled})
    usual = told(part, table, as_batch)
    assert usual == told(part, table, as_batch)
    for option, value in OTHER[name].items():
        changed = replace(part, **{option: value})
        assert told(changed, table, as_batch) != usual, option
