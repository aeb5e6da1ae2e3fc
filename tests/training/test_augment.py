from typing import ClassVar

import pytest
import torch

from plait.data import Batch, Masked, noise
from plait.modalities import Vector
from plait.schema import Schema
from plait.tasks import Regression
from plait.training import augment


class Hidden(Vector):
    HIDE: ClassVar[bool] = True


ROWS = 20_000


def batch(present: dict[str, torch.Tensor], rows: torch.Tensor | None = None) -> Batch:
    count = len(next(iter(present.values())))
    cells = {name: Masked(torch.ones(count, 2), mask) for name, mask in present.items()}
    return Batch(cells, {}, torch.arange(count) if rows is None else rows)


def schema(**kinds: type) -> Schema:
    parts = {name: kind(columns=(name,)) for name, kind in kinds.items()}
    return Schema(parts, {"y": Regression(column="y")})


def whole(count: int = ROWS) -> torch.Tensor:
    return torch.ones(count, dtype=torch.bool)


def hide(kinds: Schema, given: Batch, *, seed=0, epoch=0, chance=0.3) -> dict[str, torch.Tensor]:
    seen = augment(kinds, given, seed=seed, epoch=epoch, input_dropout=chance)
    assert torch.equal(seen.rows, given.rows)
    return {name: cells.mask for name, cells in seen.inputs.items()}


def test_only_what_may_be_hidden_is_hidden_and_as_often_as_was_said():
    seen = hide(schema(a=Hidden, b=Vector), batch({"a": whole(), "b": whole()}))
    assert seen["b"].all()
    assert (~seen["a"]).double().mean().item() == pytest.approx(0.3, abs=0.015)


def test_a_row_keeps_one_input_where_all_may_be_hidden():
    seen = hide(schema(a=Hidden, b=Hidden), batch({"a": whole(), "b": whole()}), chance=0.9)
    assert (seen["a"] | seen["b"]).all()
    # Both drawn: 0.81; one of the two is then shown again.
    for mask in seen.values():
        assert (~mask).double().mean().item() == pytest.approx(0.9 - 0.81 / 2, abs=0.015)


def test_what_is_absent_does_not_count_as_what_is_left():
    there = torch.arange(ROWS) % 2 == 0
    seen = hide(schema(a=Hidden, b=Hidden), batch({"a": whole(), "b": there}), chance=0.9)
    assert seen["a"][~there].all()
    assert not seen["b"][~there].any()
    assert (seen["a"] | seen["b"]).all()


def test_a_row_with_nothing_stays_one():
    none = torch.zeros(50, dtype=torch.bool)
    seen = hide(schema(a=Hidden, b=Hidden), batch({"a": none, "b": none}))
    assert not any(mask.any() for mask in seen.values())


def test_nothing_is_hidden_without_a_chance_or_a_second_input():
    two = batch({"a": whole(99), "b": whole(99)})
    assert hide(schema(a=Hidden, b=Hidden), two, chance=0.0)["a"].all()
    assert hide(schema(a=Hidden), batch({"a": whole(99)}), chance=0.9)["a"].all()


def test_draws_differ_by_seed_epoch_row_and_input():
    kinds, given = schema(a=Hidden, b=Hidden), batch({"a": whole(500), "b": whole(500)})
    first = hide(kinds, given)
    assert torch.equal(first["a"], hide(kinds, given)["a"])
    assert not torch.equal(first["a"], first["b"])
    assert not torch.equal(first["a"], hide(kinds, given, seed=1)["a"])
    assert not torch.equal(first["a"], hide(kinds, given, epoch=1)["a"])


def test_a_row_looks_the_same_whatever_batch_it_falls_in(words):
    rows = torch.tensor([40, 3, 17, 59, 4])
    first = augment(words.schema, words.pack[rows], seed=5, epoch=2, input_dropout=0.5)
    changed = False
    for place, row in enumerate(rows):
        alone = words.pack[row.unsqueeze(0)]
        seen = augment(words.schema, alone, seed=5, epoch=2, input_dropout=0.5)
        for name, cells in seen.inputs.items():
            beside = first.inputs[name].take(torch.tensor([place]))
            width = cells.values.shape[1]  # a text is padded to the longest of its batch
            assert torch.equal(cells.values, beside.values[:, :width]), name
            same = beside.mask if cells.mask.ndim == 1 else beside.mask[:, :width]
            assert torch.equal(cells.mask, same), name
            changed |= not torch.equal(cells.values, alone.inputs[name].values)
    assert changed


def test_the_pack_is_left_as_it_was(words):
    before = {name: cells.values.clone() for name, cells in words.pack.inputs.items()}
    given = words.pack[torch.arange(60)]
    kept = {name: cells.values.clone() for name, cells in given.inputs.items()}
    augment(words.schema, given, seed=0, epoch=0, input_dropout=0.5)
    for name, cells in words.pack.inputs.items():
        assert torch.equal(cells.values, before[name])
        assert torch.equal(given.inputs[name].values, kept[name])


def test_noise_is_even_and_a_function_of_its_arguments():
    rows = torch.arange(ROWS)
    draws = noise(0, 0, rows, 3)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert draws.mean(0).tolist() == pytest.approx([0.5] * 3, abs=0.01)
    assert draws.var(0).tolist() == pytest.approx([1 / 12] * 3, abs=0.004)
    table = torch.cat([draws, noise(1, 0, rows, 3), noise(0, 1, rows, 3)], 1).T
    off = torch.corrcoef(table) - torch.eye(9)
    assert off.abs().max() < 0.03
    assert torch.equal(draws[[7, 5], :2], noise(0, 0, torch.tensor([7, 5]), 2))
