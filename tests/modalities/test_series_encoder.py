"""The network part of series."""

import math

import pytest
import torch

from plait.data import Masked, Table
from plait.modalities import Series
from plait.modalities._series_encoder import SeriesEncoder
from plait.modalities._series_net import SeriesNet, waited
from plait.modalities._series_summary_encoder import PACE, SeriesSummaryEncoder

COLUMNS = {
    "t": [[0, 2, 3, 6, 8], [1, 9], None, [4, 4.5]],
    "x": [[1.0, 5.0, 3.0, 3.0, 8.0], [2.0, 6.0], None, [7.0, 7.0]],
}


def test_waited():
    mask = torch.tensor([[[False, True, False, False, True]], [[False] * 5]])
    expected = [[[1, 0, 1, 2, 0]], [[1, 2, 3, 4, 5]]]
    assert torch.allclose(waited(mask, torch.float32), torch.tensor(expected) / 5)


def test_summary_is_a_weighed_layout():
    torch.manual_seed(0)
    encode = SeriesSummaryEncoder([(0.0, 1.0, 3.0), (0.0, 2.0)], 4).eval()
    with torch.no_grad():
        encode.weight.copy_(torch.tensor([0.5, -0.25]))
    weights = [1 + PACE * 0.5, 1 - PACE * 0.25]
    held = 2 / math.sqrt(1 + (2 / 3) ** 2)
    # Interval by interval, then the numbers themselves, then whether they are missing.
    entries = [weights[0] * 1, weights[0] * 0.5, 0, weights[0] * held, 0, 0, weights[1]]
    found = encode(torch.tensor([[2.0, 9.0]]), torch.tensor([[True, False]]))
    expected = encode.lay.project(torch.tensor([entries]))
    assert torch.allclose(found, expected, atol=1e-6)


def test_entries_count_from_their_means():
    table = Table.of(COLUMNS)
    part = Series(columns=("t", "x"), time="t", encoder="summary").fit(table)
    cells = part.pack(table).cells
    curves = part.shortcut(4).curves
    values, mask = cells.values.flatten(1), cells.mask.flatten(1)
    means = curves.lay.layout(values.where(mask, 0.0), mask).mean(0)
    assert torch.allclose(curves.level, means, atol=1e-6)
    torch.nn.init.normal_(curves.lay.project.weight)
    assert torch.allclose(curves.eval()(values, mask).mean(0), torch.zeros(4), atol=1e-4)


@pytest.mark.parametrize("calm", [True, False])
def test_training_hides_whole_statistics(calm):
    torch.manual_seed(0)
    encode = SeriesSummaryEncoder([(0.0, 1.0)], 4, dropout=0.5, calm=calm)
    values, mask = torch.full((200, 1), 0.7), torch.ones(200, 1).bool()
    found = encode(values, mask)
    seen = (found - encode.lay.project.bias).abs().sum(1) > 1e-6
    assert 60 < int(seen.sum()) < 140
    assert torch.allclose(encode.eval()(values, mask), encode(values, mask)[:1].expand(200, -1))


@pytest.mark.parametrize(("steps", "edges", "tokens"), [(5, 6, 2), (0, 6, 1), (5, 0, 1)])
def test_a_token_for_each_part(steps, edges, tokens):
    encode = SeriesEncoder(2, steps, [(0.0, 1.0)] * edges, 8)
    entries = edges // 2 + steps
    out = encode(Masked(torch.randn(3, 2, entries), torch.ones(3, 2, entries).bool()))
    assert out.values.shape == (3, tokens, 8)
    assert out.mask.all()


def test_the_net_sees_values_holes_and_order():
    torch.manual_seed(0)
    net = SeriesNet(2, 8).eval()
    values, mask = torch.randn(1, 2, 6), torch.ones(1, 2, 6).bool()
    usual = net(values, mask)
    assert not torch.allclose(net(values.flip(2), mask), usual, atol=1e-3)
    holed = mask.clone()
    holed[0, 1, 3] = False
    assert not torch.allclose(net(values, holed), usual, atol=1e-3)
    assert not torch.allclose(net(values.flip(1), mask), usual, atol=1e-3)


def test_the_shortcut_is_a_sum_of_curves():
    known = Series(columns=("t", "x"), time="t", steps=3).fit(Table.of(COLUMNS))
    cells = known.pack(Table.of(COLUMNS)).cells
    short = known.shortcut(2).eval()
    assert (short(cells) == 0).all()
    torch.nn.init.normal_(short.curves.lay.project.weight)
    values, mask = cells.values[:, 0, :-3], cells.mask[:, 0, :-3]
    project, own = short.curves.lay.project, short.curves.own
    entries = short.curves.lay.layout(values, mask) - short.curves.level
    curves = [entries[:, own == each] @ project.weight[:, own == each].T
              for each in range(values.shape[1])]  # fmt: skip
    assert torch.allclose(short(cells), sum(curves), atol=1e-5)
    steps = cells.values.clone()
    steps[:, :, -3:] = 7.0
    assert torch.equal(short(Masked(steps, cells.mask)), short(cells))
    assert Series(columns=("t", "x"), time="t", encoder="steps").fit(
        Table.of(COLUMNS)).shortcut(2) is None  # fmt: skip
