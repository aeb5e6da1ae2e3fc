"""What stands behind a pretrained encoder, and how long it is trained."""

from dataclasses import replace

import pytest
import torch

from plait import Image, Table, Text
from plait.data import Masked
from plait.modalities._principal import Principal
from plait.modalities._projection import Projection


def test_few_rows_begin_at_a_token_near_zero_and_see_half_of_the_vector():
    vectors = torch.randn(50, 40)
    cells = Masked(vectors, torch.ones(50, dtype=torch.bool))
    plain, soft = Projection(40, 8), Projection(40, 8, small=True)
    soft.load_state_dict({**soft.state_dict(), **plain.state_dict()})
    expected = plain(cells).values
    assert torch.allclose(soft.eval()(cells).values, 0.03 * expected, atol=1e-6)
    soft.train()
    vectors[:] = 1.0
    scaled = soft.dropout(vectors)
    assert {0.0, 2.0} == {*scaled.unique().tolist()}
    assert 0.4 < (scaled == 0).float().mean() < 0.6
    assert not torch.equal(soft(cells).values, soft(cells).values)


@pytest.mark.parametrize(("rows", "small"), [(1999, True), (2000, False)])
def test_the_number_of_rows_says_which(picture_folder, photo, rows, small):
    table = Table.of({"x": [photo()] + [None] * (rows - 1)})
    part = Image(columns=("x",), encoder=picture_folder).fit(table)
    assert isinstance(part.build(8).tuned, Principal) == small
    tuned = replace(part, tune="full").build(8)[1]
    assert (tuned.gain is not None) == small


@pytest.mark.parametrize(
    ("options", "rows"),
    [({}, 60_000), ({"encoder": "hf:a"}, 60_000), ({"encoder": "hf:a", "longest": 0}, 60_000),
     ({"encoder": "hf:a", "reader": False}, 90_000),
     ({"encoder": "static:a", "tune": "frozen", "reader": False, "longest": 0}, None),
     ({"encoder": "hf:a", "tune": "last:2"}, 60_000),
     ({"encoder": "hf:a", "tune": "full"}, 60_000)],
    ids=str,
)  # fmt: skip
def test_what_is_not_learned_by_heart_may_be_seen_more_often(options, rows):
    part = Text(columns=("x",), **options)
    assert rows == part.SEEN
