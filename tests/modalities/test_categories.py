"""Categories and tags: what is the same, what is known, what is counted."""

import pandas as pd
import pytest
import torch

from plait.data import Table
from plait.modalities import Categorical, Tags
from plait.modalities._categorical import MISSING, UNSEEN


def codes(part, cells):
    packed = part.pack(Table.of({"x": cells}))
    return packed.cells.values[:, 0].tolist(), packed.notes


@pytest.mark.parametrize("cells", [[3, 3, 4], [3.0, 3.0, 4.0], ["3", " 3", "4"]])
def test_a_code_is_the_same_in_every_type(cells):
    part = Categorical(columns=("x",), least=1).fit(Table.of({"x": cells}))
    assert part.categories == (("3", "4"),)
    for again in ([3, 4], [3.0, 4.0], ["3", "4"], pd.Series([3, 4], dtype="category")):
        frame = pd.DataFrame({"x": again})
        assert part.pack(Table.of(frame)).cells.values[:, 0].tolist() == [2, 3]


def test_rare_capped_and_unseen_are_one():
    cells = ["a"] * 4 + ["b"] * 3 + ["c"] * 3 + ["d"] * 2 + ["e", None]
    part = Categorical(columns=("x",), most=3).fit(Table.of({"x": cells}))
    assert part.categories == (("a", "b", "c"),)
    found, notes = codes(part, ["b", "d", "e", "new", None, "", "new"])
    assert found == [3, UNSEEN, UNSEEN, UNSEEN, MISSING, MISSING, UNSEEN]
    assert [str(n) for n in notes] == ["x: 2 missing", "x: 4 unseen (d, e, new)"]


def test_many_categories_and_none():
    cells = [f"c{n}" for n in range(3000)] * 2
    part = Categorical(columns=("x",), most=1000).fit(Table.of({"x": cells}))
    assert len(part.categories[0]) == 1000
    assert part.build(4).table.num_embeddings == 1002
    none = Categorical(columns=("x",)).fit(Table.of({"x": [None, "once"]}))
    assert none.categories == ((),)
    cells = none.pack(Table.of({"x": ["once", None]})).cells
    assert none.build(4)(cells).values.isfinite().all()
    assert none.shortcut(2)(cells).shape == (2, 2)


def test_encoder_and_shortcut_are_look_ups():
    table = Table.of({"x": ["a", "b", "a"], "y": ["u", None, "v"]})
    part = Categorical(columns=("x", "y"), least=1).fit(table)
    cells = part.pack(table).cells
    encode, short = part.build(4).eval(), part.shortcut(2)
    torch.nn.init.normal_(short.weights.weight)
    places = [(2, 4 + 2), (3, 4 + 0), (2, 4 + 3)]
    for row, (first, second) in enumerate(places):
        vectors = torch.cat([encode.table.weight[first], encode.table.weight[second]])
        assert torch.allclose(encode(cells).values[row, 0], encode.project(vectors), atol=1e-6)
        expected = short.weights.weight[first] + short.weights.weight[second]
        assert torch.allclose(short(cells)[row], expected)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_forgotten_cells_become_unseen_at_about_that_rate(share):
    part = Categorical(columns=("x",), forget=share).fit(Table.of({"x": ["a", "a", None]}))
    cells = part.pack(Table.of({"x": ["a"] * 4000 + [None] * 10})).cells
    draws = torch.rand(4010, 1)
    varied = part.augment(cells, lambda count: draws[:, :count])
    assert torch.equal(varied.values[:4000, 0] == UNSEEN, draws[:4000, 0] < share)
    assert (varied.values[4000:] == MISSING).all()


def row_of(part, cells):
    cells = part.pack(Table.of({"x": cells})).cells
    batch = cells.take(torch.arange(len(cells)))
    return [values[mask].tolist() for values, mask in zip(batch.values, batch.mask, strict=True)]


def test_tags_are_a_set():
    part = Tags(columns=("x",), least=2).fit(
        Table.of({"x": ["a,a,a", "b,c", "c , b,,", ",", None]})
    )
    assert part.tags == ("b", "c")
    assert row_of(part, ["c,b", "b,c,b,b", ",b", ",", "zzz", None]) == [[0, 1], [0, 1], [0], [],
                                                                        [], []]  # fmt: skip
    notes = part.pack(Table.of({"x": ["q,b", "r", None, "q"]})).notes
    assert [str(n) for n in notes] == ["x: 1 missing", "x: 3 unseen tags (q, r)"]


@pytest.mark.parametrize(("separator", "cell"), [("|", "a|b"), ("; ", "a; b"), (" ", "a b"),
                                                 (".", "a.b"), ("::", "a::b")])  # fmt: skip
def test_separators_are_taken_as_they_stand(separator, cell):
    part = Tags(columns=("x",), separator=separator, least=1).fit(Table.of({"x": [cell]}))
    assert part.tags == ("a", "b")


def test_an_empty_separator_is_refused():
    with pytest.raises(ValueError, match="at least 1 character"):
        Tags(columns=("x",), separator="")


def test_lists_of_lists_nothing_and_numbers():
    lists = [["b", "b", None], [], None, ["a", " b "], [""]]
    part = Tags(columns=("x",), least=1).fit(Table.of({"x": lists}))
    assert part.tags == ("b", "a")
    assert row_of(part, lists) == [[0], [], [], [0, 1], []]
    numbers = Tags(columns=("x",), least=1).fit(Table.of({"x": [[1, 2], [2], None]}))
    assert numbers.tags == ("2", "1")
    assert row_of(numbers, [[2.0, 1.0], [3.0]]) == [[0, 1], []]
    nested = Tags(columns=("x",), least=1).fit(Table.of({"x": [[["a"], ["b"]], [["a"]]]}))
    assert nested.tags == ("['a']", "['b']")
    hollow = Tags(columns=("x",)).fit(Table.of({"x": [[], None]}))
    assert hollow.tags == ()
    assert row_of(hollow, [["a"], []]) == [[], []]


def test_tags_are_added_over_the_root_of_their_number():
    part = Tags(columns=("x",), least=1).fit(Table.of({"x": ["a,b,c", "a,b", "a"]}))
    encode = part.build(4)
    cells = part.pack(Table.of({"x": ["a,c", "b"]})).cells.take(torch.arange(2))
    table = encode.table.weight
    expected = encode.project(torch.stack([(table[0] + table[2]) / 2**0.5, table[1]]))
    assert torch.allclose(encode(cells).values[:, 0], expected, atol=1e-6)
