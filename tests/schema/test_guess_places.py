"""What is said to be a place stays one, or is refused."""

import pytest

from plait import ConfigError, Geo, Schema

ROWS = {"n": [1.5, 2.5, 4.0], "y": [0.5, 1.5, 3.0]}
NORTH, EAST = [48.1, 48.3, 47.9], [11.5, 11.6, 12.0]


@pytest.mark.parametrize("wish", ["Geo", {"type": "Geo"}, {"type": "Geo", "scales": 3}])
@pytest.mark.parametrize(
    "cells",
    [
        ["48.1, 11.5", "48.3, 11.6", None],
        [[48.1, 11.5], [48.3, 11.6], None],
        [{"lat": 48.1, "lon": 11.5}, {"lat": 48.3, "lon": 11.6}, None],
    ],
    ids=["text", "list", "struct"],
)
def test_a_column_of_whole_places_is_one(wish, cells):
    table = {"place": cells, **ROWS}
    inputs = Schema.infer(table, ["y"], {"place": wish}).fit(table).inputs
    assert isinstance(inputs["place"], Geo)
    assert inputs["place"].columns == ("place",)
    assert inputs["n"].columns == ("n",)


@pytest.mark.parametrize("wish", ["Geo", {"type": "Geo"}, {"type": "Geo", "scales": 3}])
@pytest.mark.parametrize("cells", [NORTH, ["48.1", "48.3", "47.9"]], ids=["numbers", "text"])
def test_half_a_place_that_is_said_to_be_one_is_refused(wish, cells):
    for name in ("place", "lat"):
        with pytest.raises(ConfigError, match=rf"Found \['{name}'\], without the other half"):
            Schema.infer({name: cells, **ROWS}, ["y"], {name: wish})


def test_halves_that_cannot_be_paired_are_refused_with_what_to_say():
    table = {"breite": NORTH, "laenge": EAST, **ROWS}
    with pytest.raises(ConfigError, match=r'"place": Geo\(columns=\("breite", "laenge"\)\)'):
        Schema.infer(table, ["y"], {"breite": "Geo", "laenge": "Geo"})
    said = Schema.infer(table, ["y"], {"place": Geo(columns=("breite", "laenge"))}).inputs
    assert said["place"].columns == ("breite", "laenge")


def test_halves_that_can_be_paired_are_one_place_said_or_not():
    table = {"lat": NORTH, "lon": EAST, "other_lat": NORTH, **ROWS}
    for wishes in ({"lat": "Geo", "lon": "Geo"}, {"lon": {"type": "Geo"}}, {}):
        inputs = Schema.infer(table, ["y"], wishes).inputs
        assert inputs["location"].columns == ("lat", "lon")
        assert inputs["numbers"].columns == ("other_lat", "n")
