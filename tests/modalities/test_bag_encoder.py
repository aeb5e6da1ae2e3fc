"""The networks of bags: what pools what, and what has no say."""

import math

import pytest
import torch
from torch import nn

from plait.data import Bagged, Kept, Masked, Ragged, Table
from plait.modalities import Bag, Image, Staged, Text
from plait.modalities._bag_attention import BagAttention, even
from plait.modalities._bag_encoder import BagEncoder, BagShortcut

POOLS = pytest.mark.parametrize("pool", ["attention", "mean", "tokens"])


class Each(nn.Module):
    """Two tokens an item, one of them at times; it remembers how many items it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(3, 8)
        self.seen = 0

    def forward(self, cells: Masked) -> Masked:
        self.seen = len(cells)
        first = self.project(cells.values)
        second = cells.mask & (cells.values[:, 0] > 0)
        return Masked(torch.stack([first, first.square()], 1), torch.stack([cells.mask, second], 1))


@pytest.fixture
def cells():
    mask = torch.tensor([[True, True, False, True], [False, True, False, False], [True] * 4])
    return Masked(torch.randn(3, 4, 3), mask)


def one_by_one(each: nn.Module, cells: Masked, row: int) -> torch.Tensor:
    """The vector of each item of a row that is there, by a plain loop."""
    found = []
    for item in range(cells.mask.shape[1]):
        if cells.mask[row, item]:
            tokens = each(Masked(cells.values[row, item][None], torch.tensor([True])))
            found.append(tokens.values[tokens.mask].mean(0))
    return torch.stack(found)


def test_attention_is_the_formula_written_out():
    pool = BagAttention(4, 3)
    items, mask = (
        torch.randn(2, 5, 4),
        torch.tensor([[True] * 5, [True, False, True, False, False]]),
    )
    for row in range(2):
        scores = []
        there = [h for h, m in zip(items[row], mask[row], strict=True) if m]
        for h in there:
            content = torch.tanh(pool.content.weight @ h + pool.content.bias)
            gate = 1 / (1 + torch.exp(-(pool.gate.weight @ h + pool.gate.bias)))
            scores.append(math.exp(float((pool.score.weight[0] @ (content * gate)).detach())))
        wanted = sum(s / sum(scores) * h for s, h in zip(scores, there, strict=True))
        assert torch.allclose(pool(items, mask)[row], wanted, atol=1e-6)
    assert pool(items, torch.zeros(2, 5).bool()).tolist() == [[0.0] * 4] * 2
    assert even(items, torch.zeros(2, 5).bool()).tolist() == [[0.0] * 4] * 2


@POOLS
def test_items_are_read_one_by_one_and_padding_never(cells, pool):
    each = Each()
    encode = BagEncoder(each, 8, pool)
    tokens = encode(cells)
    assert each.seen == int(cells.mask.sum()) == 8
    for row in range(3):
        items = one_by_one(each, cells, row)
        known = torch.ones(1, len(items)).bool()
        if pool == "tokens":
            assert torch.equal(tokens.mask, cells.mask)
            assert torch.allclose(tokens.values[row][cells.mask[row]], items, atol=1e-6)
            continue
        wanted = encode.attend(items[None], known)[0] if encode.attend else items.mean(0)
        assert torch.allclose(tokens.values[row, 0], wanted, atol=1e-6)


@POOLS
def test_the_order_of_items_has_no_say(cells, pool):
    encode = BagEncoder(Each(), 8, pool)
    order = torch.tensor([2, 0, 3, 1])
    other = encode(Masked(cells.values[:, order], cells.mask[:, order])).values
    first = encode(cells).values
    assert torch.allclose(other, first[:, order] if pool == "tokens" else first, atol=1e-6)


@POOLS
def test_one_item_is_what_its_own_encoder_says(draw_picture, pool):
    pictures = [draw_picture(1), draw_picture(2)]
    bag = Bag(columns=("x",), of=Image(size=16), pool=pool)
    known = bag.fit(Table.of({"x": [[each] for each in pictures]}))
    encode = known.build(8).eval()
    batch = known.pack(Table.of({"x": [[each] for each in pictures]})).cells
    alone = known._part.pack(Table.of({"x": pictures})).cells
    rows = torch.arange(2)
    wanted = encode.each(alone.take(rows)).values
    assert torch.allclose(encode(batch.take(rows)).values, wanted, atol=1e-6)


@POOLS
def test_gradients_reach_the_encoder_of_an_item(cells, pool):
    encode = BagEncoder(Each(), 8, pool)
    encode(cells).values.square().sum().backward()
    for name, weight in encode.named_parameters():
        assert weight.grad is not None, name
        assert (weight.grad != 0).any(), name


def test_nothing_at_all_stays_finite(cells):
    encode = BagEncoder(Each(), 8, "attention")
    none = Masked(torch.full_like(cells.values, math.nan), torch.zeros_like(cells.mask))
    tokens = encode(none)
    assert tokens.values.tolist() == [[[0.0] * 8]] * 3
    assert not tokens.mask.any()


def test_the_shortcut_is_the_mean_over_items():
    table = Table.of({"x": [["a b", "b c", "a c"], ["c"], None]})
    known = Bag(columns=("x",), of=Text(least=1)).fit(table)
    short = known.shortcut(2)
    assert isinstance(short, BagShortcut)
    nn.init.normal_(short.each.weights.weight)
    found = short(known.pack(table).cells.take(torch.arange(3)))
    alone = known._part.pack(Table.of({"x": ["a b", "b c", "a c", "c"]})).cells
    items = short.each(alone.take(torch.arange(4)))
    assert torch.allclose(found[0], items[:3].mean(0), atol=1e-6)
    assert torch.allclose(found[1], items[3], atol=1e-6)
    assert found[2].tolist() == [0, 0]
    assert Bag(columns=("x",), of=Text(longest=0)).fit(table).shortcut(2) is None


def test_a_frozen_part_goes_on_from_what_was_kept():
    class Still(nn.Module):
        def forward(self, cells: Masked) -> Masked:
            return Masked(cells.values * 2, cells.mask)

    class Tuned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Linear(3, 8)

        def forward(self, cells: Masked) -> Masked:
            return Masked(self.project(cells.values).unsqueeze(1), cells.mask.unsqueeze(1))

    encode = BagEncoder(Staged(Still(), Tuned()), 8, "mean")
    items = Masked(torch.randn(4, 3), torch.tensor([True, False, True, True]))
    batch = Bagged(items, torch.tensor([0, 3, 4])).take(torch.tensor([1, 0]))
    kept = Kept(batch.values * 2, batch.mask)
    assert torch.allclose(encode(batch).values, encode(kept).values)


def test_a_bag_of_texts_of_other_lengths():
    words = Ragged(torch.tensor([1, 2, 3, 1]), torch.tensor([0, 3, 4]), torch.ones(2).bool())
    table = {"x": [["a b c", "a"]]}
    known = Bag(columns=("x",), of=Text()).fit(Table.of(table))
    assert known.pack(Table.of(table)).cells.cells.lengths.tolist() == words.lengths.tolist()
