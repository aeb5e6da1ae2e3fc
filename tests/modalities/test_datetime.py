"""Days and moments: forms, zones, and the calendar against Python's own."""

import math
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from plait.data import Table
from plait.modalities import Datetime
from plait.modalities._datetime import FORMATS, moments


def read(cells, form=None):
    column = Table.of({"x": cells})["x"]
    found, _ = moments(column, (form,) if form else FORMATS, "x")
    return found.to_pylist()


NOON = datetime(2024, 1, 31, 12, 30)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-31", datetime(2024, 1, 31)),
        ("2024-01", datetime(2024, 1, 1)),
        ("20240131", datetime(2024, 1, 31)),
        ("2024/01/31", datetime(2024, 1, 31)),
        ("31.01.2024", datetime(2024, 1, 31)),
        ("01/31/2024", datetime(2024, 1, 31)),
        ("31/01/2024", datetime(2024, 1, 31)),
        ("1/31/24", datetime(2024, 1, 31)),
        ("31.1.24", datetime(2024, 1, 31)),
        ("2024-01-31 12:30", NOON),
        ("2024-01-31T12:30", NOON),
        ("2024-01-31 12:30:00", NOON),
        ("2024-01-31T12:30:00", NOON),
        ("2024-01-31T12:30:00.123", NOON),
        ("2024-01-31 12:30:00,123456789", NOON),
        ("2024-01-31T12:30:00Z", NOON),
        ("2024-01-31T12:30:00.123Z", NOON),
        ("2024-01-31T14:30:00+02:00", NOON),
        ("2024-01-31T14:30:00.5+0200", NOON),
        ("2024-01-31 07:00:00-05:30", NOON),
        ("2024-01-31T12:30Z", NOON),
        (" 2024-01-31 ", datetime(2024, 1, 31)),
    ],
)
def test_forms(text, moment):
    assert read([text, None, ""]) == [moment, None, None]
    part = Datetime(columns=("x",)).fit(Table.of({"x": [text]}))
    assert part.center[0] == pytest.approx((moment - datetime(1970, 1, 1)) / timedelta(days=1))


def test_fractions_may_come_and_go():
    cells = ["2024-01-31T12:30:00Z", "2024-01-31T12:30:00.5Z", "2024-01-31T13:30:00+01:00"]
    assert read(cells) == [NOON] * 3


def test_typed_columns():
    zone = timezone(timedelta(hours=2))
    for cells in (
        pd.Series(pd.to_datetime(["2024-01-31 12:30", None])),
        pd.Series(pd.to_datetime(["2024-01-31 14:30", None])).dt.tz_localize("Etc/GMT-2"),
        pa.array([datetime(2024, 1, 31, 14, 30, tzinfo=zone), None]),
        pa.array([NOON, None], pa.timestamp("ns")),
        pa.array([NOON, None], pa.timestamp("s")),
    ):
        frame = cells.to_frame("x") if isinstance(cells, pd.Series) else {"x": cells}
        found, form = moments(Table.of(frame)["x"], FORMATS, "x")
        assert [each and each.replace(tzinfo=None) for each in found.to_pylist()] == [NOON, None]
        assert form is None
    for kind in (pa.date32(), pa.date64()):
        assert read(pa.array([date(2024, 1, 31), None], kind)) == [datetime(2024, 1, 31), None]


def test_day_or_month_first_is_settled_by_training():
    days = Table.of({"x": ["13/02/2024", "03/02/2024"]})
    part = Datetime(columns=("x",)).fit(days)
    assert part.forms == ("%d/%m/%Y",)
    both = part.pack(days).cells.values[1]
    alone = part.pack(Table.of({"x": ["03/02/2024"]})).cells.values[0]
    iso = part.pack(Table.of({"x": ["2024-02-03"]})).cells.values[0]
    assert both.tolist() == alone.tolist() == iso.tolist()
    with pytest.raises(ValueError, match=r"should be dates.*\['02/13/2024'\]"):
        part.pack(Table.of({"x": ["02/13/2024"]}))


def test_what_is_no_date_is_told():
    message = r"'x' should be dates, all written like one of .*\['soon', '2024-13-01'\]. Give `for"
    with pytest.raises(ValueError, match=message):
        read(["2024-01-31", "soon", "2024-13-01", None])
    with pytest.raises(ValueError, match=r"written like one of %Y-%m-%d\. .*\['2024'\]"):
        read(["2024"], "%Y-%m-%d")
    with pytest.raises(ValueError, match=r"'x' should be dates. Found int64"):
        read([20240131])


def test_calendar_features():
    days = ["2024-12-31T18:30:00", "2023-02-05T00:00:00", "1969-07-20T20:17:00"]
    part = Datetime(columns=("x",)).fit(Table.of({"x": days}))
    values = part.pack(Table.of({"x": days})).cells.values[:, 0]
    since = [(datetime.fromisoformat(d) - datetime(1970, 1, 1)) / timedelta(days=1) for d in days]
    for row, text in enumerate(days):
        when = datetime.fromisoformat(text)
        places = [
            when.timetuple().tm_yday / 366,
            when.weekday() / 7,
            (when.hour + when.minute / 60) / 24,
            when.day / 31,
        ]
        waves = [f(2 * math.pi * p) for p in places for f in (math.sin, math.cos)]
        expected = [(since[row] - np.mean(since)) / np.std(since), *waves]
        assert values[row].tolist() == pytest.approx(expected, abs=1e-5)


def test_odd_columns():
    empty = Datetime(columns=("x",)).fit(Table.of({"x": [None, None]}))
    assert (empty.forms, empty.center, empty.scale) == ((None,), (0.0,), (1.0,))
    assert empty.pack(Table.of({"x": ["2024-01-31", None]})).cells.mask.tolist() == [
        [True],
        [False],
    ]
    ends = Table.of({"x": ["9999-12-31", "1000-01-01", "2024-01-31"]})
    part = Datetime(columns=("x",)).fit(ends)
    assert part.pack(ends).cells.values.isfinite().all()
    same = Datetime(columns=("x",)).fit(Table.of({"x": ["2024-01-31"] * 2}))
    assert same.pack(ends).cells.values.isfinite().all()
