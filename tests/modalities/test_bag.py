"""Several cells in each row: what is read, cut and counted."""

from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
import torch

from plait import ArtifactError, ConfigError, DataError
from plait.data import Bagged, Packed, Table, noise
from plait.modalities import Bag, Image, Numeric, Tags, Text, Vector
from plait.schema import Schema

LISTS = [[1.0, 2.0], None, [], [4.0, None, 6.0], [None], [5.0]]


def packed(bag, cells):
    table = Table.of({"x": cells})
    return replace(bag, columns=("x",)).fit(table).pack(table)


def counts(packed: Packed) -> list[int]:
    assert isinstance(packed.cells, Bagged)
    return packed.cells.offsets.diff().tolist()


def told(packed: Packed) -> list[str]:
    return [str(note) for note in packed.notes]


def test_holes_are_left_out_and_counted():
    found = packed(Bag(of=Numeric()), LISTS)
    assert counts(found) == [2, 0, 0, 2, 0, 1]
    assert found.cells.present.tolist() == [True, False, False, True, False, True]
    assert told(found) == ["x: 3 missing", "x: 2 missing items"]


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.int64())])
def test_any_type_of_list_is_fitted_on_all_items(kind):
    bag = Bag(columns=("x",), of="Numeric").fit(Table.of({"x": pa.array(LISTS).cast(kind)}))
    assert bag.of.fitted[0].mean == pytest.approx((1 + 2 + 4 + 6 + 5) / 5)


def test_more_items_than_most_are_cut_before_they_are_read():
    found = packed(Bag(of=Text(), most=2), [["a b", "c", "d d d"], ["a"], ["b", None, "c", "d"]])
    assert counts(found) == [2, 1, 2]
    assert told(found) == ["x: 1 missing items", "x: 2 cut to 2 items"]
    known = Bag(columns=("x",), of=Text(), most=1).fit(Table.of({"x": [["a b", "zebra"]]}))
    assert "zebra" not in known.of.fitted.tokenizer


def test_text_is_divided_by_a_separator():
    bag = Bag(of=Tags(), separator="|")
    found = packed(bag, ["a | b", "c", " ", None, "|b||"])
    assert counts(found) == [2, 1, 0, 0, 1]
    assert told(found)[0] == "x: 2 missing"
    assert counts(packed(replace(bag, separator=None), ["a | b", "c", " ", None])) == [1, 1, 0, 0]
    with pytest.raises(DataError, match=r"separator is for cells that are text. Those of 'x' are"):
        packed(bag, [["a"]])


def test_several_columns_make_one_bag_in_their_order():
    table = Table.of({"x": ["a", None, "b"], "y": [["c", "d"], ["e"], None], "z": [None] * 3})
    bag = Bag(columns=("y", "z", "x"), of=Text(longest=0)).fit(table)
    found = bag.pack(table)
    assert counts(found) == [3, 1, 1]
    assert told(found) == ["y: 1 missing", "z: 3 missing", "x: 1 missing"]
    one = Bag(columns=("x",), of=bag.of.__class__(longest=0))
    again = replace(one, of=replace(bag.of, columns=("x",)))
    flat = again.pack(Table.of({"x": [["c", "d", "a"], ["e"], ["b"]]})).cells
    assert all(map(torch.equal, flat.tensors(), found.cells.tensors()))
    with pytest.raises(DataError, match=r"items of one type. Found large_string in 'x', int64 in"):
        Bag(columns=("x", "y"), of="Text").fit(Table.of({"x": ["a"], "y": [1]}))


def test_nothing_at_all_is_refused():
    for cells in ([None, None], [[], []], [[None]]):
        with pytest.raises(DataError, match=r"'x' should hold lists of cells. Found nothing"):
            packed(Bag(of=Text()), cells)


def test_rows_of_notes_and_errors_are_those_of_the_user(draw_picture):
    good = [[draw_picture(1), draw_picture(2)]] * 60
    found = packed(Bag(of=Image(size=8)), [*good, [draw_picture(3), b"no picture"]])
    assert told(found) == ["x: 1 pictures that cannot be read (row 60)"]
    with pytest.raises(DataError, match=r"1 of 3 are \(rows counted from 0: 1\)"):
        packed(Bag(of=Image(size=8)), [[draw_picture(1)], [b"no picture", draw_picture(2)]])
    with pytest.raises(DataError, match=r"name files that do not: 'gone.png'"):
        packed(Bag(), [["gone.png"]])
    cells = [[[1.0, 2.0]], [[1.0, 2.0], [3.0]], [[2.0, 4.0]] * 3]
    assert told(packed(Bag(of=Vector()), cells))[0].endswith("of another length (row 1)")


def test_parts_are_judged_by_all_items(draw_picture):
    bag = Bag(columns=("x",), of=Image(size=8))
    table = Table.of({"x": [[draw_picture(n) for n in range(4)], [b"no"]]})
    known = bag.fit(table)
    notes = known.pack(replace(table, part=True)).notes
    assert "x: 5 items in lists" in map(str, notes)
    why = known.refusal(notes, 2)
    assert why is not None
    assert "1 of 5 are" in why
    more = [replace(note, count=500) if "lists" in note.what else note for note in notes]
    assert known.refusal(more, 2) is None


def test_files_of_all_items_are_watched(tmp_path, draw_picture):
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(draw_picture(ord(name)))
    table = Table.of({"x": [["a.png", "b.png"], None, ["c.png", "a.png"]]}, root=tmp_path)
    files = Bag(columns=("x",)).files(table)
    assert sorted(path.name for path in files) == ["a.png", "b.png", "c.png"]


def test_items_are_varied_apart_and_by_the_row_alone(draw_picture):
    same = draw_picture(1)
    bag = Bag(columns=("x",), of=Image(size=16, shift=0.3))
    table = Table.of({"x": [[same] * 6, [same]]})
    known = bag.fit(table)
    cells = known.pack(table).cells

    def varied(rows: list[int]) -> torch.Tensor:
        numbers = torch.tensor(rows)
        batch = cells.take(numbers)
        return known.augment(batch, lambda count: noise(1, 2, numbers, count)).values

    first = varied([0, 1])
    assert len({item.numpy().tobytes() for item in first[0]}) > 3
    assert torch.equal(varied([1])[0, 0], first[1, 0])


@pytest.mark.parametrize(
    "of", ["text", {"type": "Text"}, {"type": "text", "max_length": 128}, Text()], ids=repr
)
def test_what_an_item_is_may_be_said_in_many_ways(of):
    table = {"x": [["a b", "c"], ["d"]], "y": [0, 1]}
    schema = Schema.infer(table, ["y"], {"x": {"type": "Bag", "of": of}})
    assert schema.inputs["x"] == Bag(columns=("x",), of=Text())
    fitted = schema.fit(table)
    plain = fitted.to_dict()
    assert plain["inputs"]["x"]["of"]["type"] == "Text"
    assert Schema.from_dict(plain) == fitted


def test_wrong_ones_are_explained():
    table = {"x": [["a b", "c"], ["d"]], "y": [0, 1]}
    for of, message in (
        ("Txt", "no Modality called 'Txt'.* Did you mean 'Text'"),
        ({"type": "Text", "max_lenght": 3}, "Did you mean 'max_length'"),
        ({"type": "os:Text"}, "should name a modality of plait. Found 'os:Text'"),
        (3, "instance of Modality"),
    ):
        with pytest.raises(ConfigError, match=message):
            Schema.infer(table, ["y"], {"x": {"type": "Bag", "of": of}})
    with pytest.raises(ConfigError, match=r"said once, outside. Found \['z'\]"):
        Bag(columns=("x",), of=Text(columns=("z",))).fit(Table.of(table))


def test_a_class_of_your_own_is_handed_over():
    @dataclass(frozen=True)
    class Shout(Text):
        pass

    bag = Bag(columns=("x",), of=Shout())
    table = Table.of({"x": [["a"], ["b"]], "y": [1.5, 2.5]})
    plain = Schema.infer(table, ["y"], {"x": bag}).to_dict()
    with pytest.raises(ArtifactError, match="no Modality called 'Shout'"):
        Schema.from_dict(plain)
    assert type(Schema.from_dict(plain, own=[Shout]).inputs["x"].of) is Shout


def test_training_treats_a_bag_as_it_treats_an_item():
    assert (Bag(of=Image()).HIDE, Bag(of=Text()).HIDE) == (True, False)
    assert (Bag(of=Image()).SEEN, Bag(of=Text()).SEEN) == (None, Text().SEEN)
