"""Series against cases worked out by hand: statistics and steps."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from plait import DataError
from plait.data import Table
from plait.modalities import Series
from plait.modalities._series_cells import times_of
from plait.modalities._series_summary import STATISTICS

COLUMNS = {
    "t": [[0, 2, 3, 6, 8], [1, 9], None, [4, 4.5]],
    "x": [[1.0, 5.0, 3.0, 3.0, 8.0], [2.0, 6.0], None, [7.0, 7.0]],
}
PART = Series(columns=("t", "x"), time="t", clip=0.0, origin="zero", steps=3)


def by_hand(times: list[float], values: list[float]) -> list[float]:
    """The statistics of one group, in plain words."""
    nan, size = math.nan, len(values)
    if not size:
        return [nan] * len(STATISTICS)
    mean, late = sum(values) / size, sum(times) / size
    apart = sum((t - late) ** 2 for t in times)
    off = sum((t - late) * (v - mean) for t, v in zip(times, values, strict=True))
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / size)
    return [values[0], values[-1], min(values), max(values), mean, spread if size > 1 else nan,
            size, off / apart if apart else nan, times[0], times[-1]]  # fmt: skip


def unscaled(part: Series, columns: dict) -> np.ndarray:
    """The packed statistics in the units of the table, NaN where there is none."""
    fit = part.fitted
    cells = part.pack(Table.of(columns)).cells
    count = len(fit.centers)
    values = cells.values[:, 0, :count].double() * torch.tensor(fit.scales)
    values += torch.tensor(fit.centers)
    return np.where(cells.mask[:, 0, :count], values, math.nan)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_statistics_of_the_whole_and_of_each_part(parts):
    part = replace(PART, parts=parts)
    known = part.fit(Table.of(COLUMNS))
    assert known.fitted.span == 9
    found = unscaled(known, COLUMNS)
    for row, (times, values) in enumerate(zip(*COLUMNS.values(), strict=True)):
        scaled = [t / 9 for t in times or ()]
        expected = by_hand(scaled, values or [])
        for place in range(parts if parts > 1 else 0):
            pairs = [(t, v) for t, v in zip(scaled, values or (), strict=True)
                     if min(int(t * parts), parts - 1) == place]  # fmt: skip
            expected += by_hand([t for t, _ in pairs], [v for _, v in pairs])
        assert found[row].tolist() == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_a_step_is_the_mean_of_what_falls_into_it():
    known = PART.fit(Table.of(COLUMNS))
    cells = known.pack(Table.of(COLUMNS)).cells
    mean, std = np.mean([1, 5, 3, 3, 8, 2, 6, 7, 7]), np.std([1, 5, 3, 3, 8, 2, 6, 7, 7])
    steps, mask = cells.values[:, 0, -3:], cells.mask[:, 0, -3:]
    assert mask.tolist() == [[True] * 3, [True, False, True], [False] * 3, [False, True, False]]
    raw = (steps.double() * std + mean).round(decimals=4)
    assert raw[0].tolist() == pytest.approx([3.0, 3.0, 5.5])
    assert raw[1, [0, 2]].tolist() == pytest.approx([2.0, 6.0])
    assert raw[3, 1] == pytest.approx(7.0)


def test_equal_steps_are_kept_as_they_are():
    known = Series(columns=("x",), encoder="steps").fit(Table.of({"x": [[1.0, 3.0], [5.0] * 4]}))
    assert (known.fitted.steps, known.fitted.span) == (4, 4.0)
    cells = known.pack(Table.of({"x": [[3.0, 4.0, 5.0, 1.0, 2.0]]})).cells
    mean, std = known.fitted.mean[0], known.fitted.std[0]
    assert cells.values[0, 0].tolist() == pytest.approx(
        [(value - mean) / std for value in (3.0, 4.0, 5.0, 1.5)]
    )
    half = Series(columns=("x",), encoder="steps", steps=2).fit(Table.of({"x": [[1.0, 3, 5, 9]]}))
    halves = half.pack(Table.of({"x": [[1.0, 3, 5, 9]]})).cells.values[0, 0]
    assert (halves * half.fitted.std[0] + half.fitted.mean[0]).tolist() == pytest.approx([2, 7])


@pytest.mark.parametrize(
    ("start", "origin", "first"),
    [(0, None, False), (1000, None, True), (1000, "zero", False), (0, "first", True)],
)
def test_origin(start, origin, first):
    columns = {"t": [[start, start + 9], [start + 0.5, start + 4]], "x": [[1.0, 2.0], [3.0, 4.0]]}
    fit = Series(columns=("t", "x"), time="t", origin=origin).fit(Table.of(columns)).fitted
    assert fit.first is first
    assert fit.span == (9 if first else start + 9)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (["1970-01-01", None, "1970-01-02T00:00:01.5"], [0, math.nan, 86_401.5]),
        (["1970-01-01 00:01", "1970-01-01T00:02:00"], [60, 120]),
        (["1970-01-01T01:00:00Z", "1970-01-01T01:00:00+01:00"], [3600, 0]),
    ],
)
def test_times_in_text_are_moments(text, seconds):
    found, clock = times_of("t", pa.array(text))
    assert clock == "moments"
    assert found.tolist() == pytest.approx(seconds, nan_ok=True)


def test_times_in_text_are_numbers_where_some_are():
    found, clock = times_of("t", pa.array(["3", "x", None, "4.5"]))
    assert clock == "numbers"
    assert found.tolist() == pytest.approx([3, math.nan, math.nan, 4.5], nan_ok=True)
    assert times_of("t", pa.array([None, ""], pa.string()))[1] == "numbers"


def test_series_of_iso_times_are_those_of_moments():
    text = [["2024-01-01T00:00:00", "2024-01-01T00:00:08"], ["2024-02-01", "2024-02-01 00:01"]]
    zero = [[0, 8], [0, 60]]
    x = [[1.0, 3.0], [2.0, 8.0]]
    part = Series(columns=("t", "x"), time="t", clip=0.0)
    said, plain = (
        unscaled(part.fit(Table.of(c)), c) for c in ({"t": text, "x": x}, {"t": zero, "x": x})
    )
    np.testing.assert_allclose(said, plain, rtol=1e-5, atol=1e-5)
    with pytest.raises(DataError, match="Found text that is none of these, for example 'noon'"):
        part.fit(Table.of({"t": [["noon", "2024-01-01"], ["later", "x"]], "x": x}))
