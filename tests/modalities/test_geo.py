"""Places: what is read, and what a place is laid out as."""

import math

import numpy as np
import pyarrow as pa
import pytest
import torch

from plait import DataError, SchemaError
from plait.data import Table
from plait.modalities import Geo
from plait.modalities._geo import local
from plait.modalities._geo_encoder import GeoEncoder
from plait.modalities._geo_read import directions, is_latitude, is_longitude

LATITUDE = [48.0, 48.5, 47.5, 48.2]
LONGITUDE = [11.0, 11.5, 12.0, 10.5]
BOTH = Geo(columns=("lat", "lon"))


@pytest.fixture
def known():
    return BOTH.fit(Table.of({"lat": LATITUDE, "lon": LONGITUDE}))


def packed(part, latitude, longitude):
    found = part.pack(Table.of({"lat": latitude, "lon": longitude}))
    return found.cells, [str(note) for note in found.notes]


def test_center_and_spread_by_hand(known):
    vectors = []
    for phi, lam in zip(np.radians(LATITUDE), np.radians(LONGITUDE), strict=True):
        x, y = math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam)
        vectors.append([x, y, math.sin(phi)])
    mean = np.mean(vectors, 0)
    assert known.center == pytest.approx(tuple(mean / np.linalg.norm(mean)))
    # On a piece this small, the map is nearly flat.
    north = np.radians(LATITUDE) - math.asin(known.center[2])
    lam = math.atan2(known.center[1], known.center[0])
    east = (np.radians(LONGITUDE) - lam) * np.cos(np.radians(LATITUDE))
    spread = math.sqrt(np.mean([*north**2, *east**2]))
    assert known.spread == pytest.approx(spread, rel=1e-2)
    cells, _ = packed(known, LATITUDE, LONGITUDE)
    assert cells.values[:, :3].tolist() == [pytest.approx(each, abs=1e-6) for each in vectors]
    assert cells.values[:, 4].numpy() == pytest.approx(north / known.spread, abs=2e-2)


@pytest.mark.parametrize(("far", "degrees"), [((0.0, 90.0), 90), ((0, 179.0), 179), ((-90, 0), 90)])
def test_the_map_keeps_distances_from_its_center(far, degrees):
    point = directions(np.array([far[0]]), np.array([far[1]]))
    away = local(point, np.array([1.0, 0.0, 0.0]))
    assert math.degrees(math.hypot(*away[0])) == pytest.approx(degrees)


def test_longitudes_wrap_and_neighbors_stay_neighbors(known):
    one, _ = packed(known, [10.0, 10, 10], [-179.5, 180.5, 540 - 360 + 0.5])
    assert torch.allclose(one.values[0], one.values[1], atol=1e-5)
    assert torch.allclose(one.values[1], one.values[2])
    date_line = BOTH.fit(Table.of({"lat": [0.0, 0.0], "lon": [179.0, -179.0]}))
    assert date_line.center == pytest.approx((-1.0, 0.0, 0.0))
    assert date_line.spread == pytest.approx(math.radians(1) / math.sqrt(2))


def test_out_of_range_and_halves_are_counted_with_rows(known):
    latitude = [48.0, 91, None, 48, 48, -90.0, math.nan, math.inf]
    longitude = [11.0, 11, 11, 361, None, 360.0, 5.0, -180.5]
    cells, notes = packed(known, latitude, longitude)
    assert cells.mask.tolist() == [True, False, False, False, False, True, False, False]
    assert (cells.values[~cells.mask] == 0).all()
    assert notes == [
        "lat: 2 missing", "lon: 1 missing", "lat: 2 out of range or no numbers (row 1, row 7)",
        "lon: 2 out of range or no numbers (row 3, row 7)",
    ]  # fmt: skip


@pytest.mark.parametrize("cells", [
    ["48.0, 11.0", "48.5;11.5", " (47.5 12) ", "+48.2,10.5"],
    [[48.0, 11.0], [48.5, 11.5], [47.5, 12.0], [48.2, 10.5]],
    pa.array([[48, 11], [48.5, 11.5], [47.5, 12], [48.2, 10.5]], pa.list_(pa.float64(), 2)),
    [{"Longitude": o, "Latitude": a} for a, o in zip(LATITUDE, LONGITUDE, strict=True)],
], ids=["text", "list", "fixed", "struct"])  # fmt: skip
def test_one_column_of_any_form_is_the_same_place(cells, known):
    one = Geo(columns=("x",)).fit(Table.of({"x": cells}))
    assert one.center == pytest.approx(known.center)
    values = one.pack(Table.of({"x": cells})).cells.values
    assert torch.allclose(values, packed(known, LATITUDE, LONGITUDE)[0].values, atol=1e-5)


@pytest.mark.parametrize(("cells", "wrong"), [
    (["48.1,11", None, "", "48.1", "a, b", "91,2", "1,2,3"], [3, 4, 5, 6]),
    ([[48.1, 11], None, None, [1.0], [], [91, 2], [1, None]], [3, 4, 5, 6]),
])  # fmt: skip
def test_what_is_no_pair_is_counted(cells, wrong):
    table = Table.of({"x": [*cells, *cells[:1] * 5]})
    found = Geo(columns=("x",)).fit(table).pack(table)
    assert np.flatnonzero(~found.cells.mask.numpy()).tolist() == [1, 2, *wrong]
    assert [str(note) for note in found.notes] == [
        "x: 2 missing", "x: 4 out of range or no numbers (row 3, row 4, row 5)"
    ]  # fmt: skip


def test_nothing_meters_and_swapped_columns_are_refused():
    with pytest.raises(DataError, match=r"'lat, lon' should hold places\. Found none in any row"):
        BOTH.fit(Table.of({"lat": [None, None], "lon": [1.0, 2.0]}))
    with pytest.raises(DataError, match=r"'lat, lon' should hold degrees.* 0 of 2 rows"):
        BOTH.fit(Table.of({"lat": [4e5, 5e5], "lon": [5e6, 5e6]}))
    with pytest.raises(DataError, match=r"1 of 3 rows are such places, 2 cells are out of range"):
        BOTH.fit(Table.of({"lat": [11.0, 120, 121], "lon": [48.0, 47, 46]}))
    with pytest.raises(SchemaError, match="Latitude should be the first"):
        Geo(columns=("lng", "lat")).fit(Table.of({"lat": [1.0], "lng": [1.0]}))
    with pytest.raises(SchemaError, match="one column or two"):
        Geo(columns=("a", "b", "c")).fit(Table.of({"a": [1.0]}))
    with pytest.raises(DataError, match=r"place input 'x' should be text like.* Found int64"):
        Geo(columns=("x",)).fit(Table.of({"x": [1, 2]}))


def test_one_place_and_places_all_around():
    same = BOTH.fit(Table.of({"lat": [48.0, 48.0], "lon": [11.0, 11.0]}))
    assert same.spread == 1.0
    poles = BOTH.fit(Table.of({"lat": [90.0, -90.0], "lon": [0.0, 0.0]}))
    cells, _ = packed(poles, [90.0, -90.0], [0.0, 0.0])
    assert cells.values.isfinite().all()


def test_waves_are_octaves_from_eight_spreads_on():
    place = torch.tensor([[0.6, 0.0, 0.8, 1.5, -1e9]])
    entries = GeoEncoder(3, 8).layout(place)[0]
    assert entries[:3].tolist() == place[0, :3].tolist()
    assert entries[3].item() == pytest.approx(1.5 / math.sqrt(1.25))
    assert entries[4].item() == pytest.approx(-3)
    angles = [2 * math.pi * 1.5 / (8 / 2**k) for k in range(3)]
    assert entries[5:8].tolist() == pytest.approx([math.sin(a) for a in angles], abs=1e-6)
    assert entries[11:14].tolist() == pytest.approx([math.cos(a) for a in angles], abs=1e-6)
    assert len(entries) == 17


def test_names():
    assert [is_latitude(name) for name in ("lat", "Latitude", "pickup_lat", "flat")] == [
        True, True, True, False
    ]  # fmt: skip
    assert [is_longitude(name) for name in ("lng", "LON", "dropOffLongitude", "belong")] == [
        True, True, True, False
    ]  # fmt: skip


def test_a_column_without_a_place_is_told_as_such():
    with pytest.raises(DataError, match=r"'x' should hold places\. Found none in any row\. Leave"):
        Geo(columns=("x",)).fit(Table.of({"x": [None, "", None]}))
