"""What every encoder and every shortcut promises, over everything the wing exports."""

import math

import pytest
import torch
from torch import nn

from plait.data import Masked

WIDTH = 8


def modules(known) -> list[nn.Module]:
    parts = [known.build(WIDTH), known.shortcut(3)]
    return [part for part in parts if part is not None]


def read(module: nn.Module, cells: Masked) -> torch.Tensor:
    out = module(cells)
    return out.values if isinstance(out, Masked) else out


def stir(module: nn.Module) -> nn.Module:
    """Weights that start at zero say nothing yet."""
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    return module


def dirty(cells: Masked, junk: float) -> Masked:
    values = cells.values.clone()
    if values.dtype == torch.uint8:
        junk = 77
    elif not values.is_floating_point():
        junk = -(10**9) if math.isnan(junk) else 10**18
    values[~cells.mask] = junk
    return Masked(values, cells.mask)


def gradients(module: nn.Module, cells: Masked) -> list[torch.Tensor]:
    values = cells.values.clone()
    if values.is_floating_point():
        values.requires_grad_()
    torch.manual_seed(1)
    out = read(module, Masked(values, cells.mask))
    out = out[cells.present]
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(2))
    module.zero_grad()
    (out * weights).sum().backward()
    found = [p.grad.clone() for p in module.parameters() if p.requires_grad and p.grad is not None]
    return [*found, values.grad] if values.grad is not None else found


def test_shapes_and_mask(case):
    known = case.fitted()
    for rows in (1, 6):
        cells = case.batch(known, 2, present=False).take(torch.arange(rows))
        tokens = known.build(WIDTH).eval()(cells)
        assert tokens.values.shape[::2] == (rows, WIDTH)
        assert tokens.mask.shape == tokens.values.shape[:2]
        assert tokens.values.isfinite().all()
        assert torch.equal(tokens.mask.any(1), cells.present)
        if getattr(known, "pool", "") != "tokens":  # of which a row has as many as items
            assert torch.equal(tokens.mask.all(1), cells.present)
        assert tokens.values.requires_grad


@pytest.mark.parametrize("junk", [math.nan, math.inf, -math.inf, 1e30])
def test_what_is_masked_has_no_say(case, junk):
    known = case.fitted()
    cells = case.batch(known, present=False)
    for module in modules(known):
        stir(module).eval()
        there = cells.present
        clean, soiled = read(module, cells)[there], read(module, dirty(cells, junk))[there]
        assert torch.equal(clean, soiled)
        assert clean.isfinite().all()
        module.train()
        pairs = zip(gradients(module, cells), gradients(module, dirty(cells, junk)), strict=True)
        assert all(torch.equal(one, other) and one.isfinite().all() for one, other in pairs)


def test_rows_do_not_mix_and_padding_does_not_matter(case):
    known = case.fitted()
    packed = known.pack(case.table).cells
    rows = packed.present.nonzero()[:, 0]
    for module in modules(known):
        stir(module).eval()
        whole = read(module, packed.take(rows))
        for place, row in enumerate(rows):
            alone = read(module, packed.take(row.view(1)))[0]  # with no more padding than it needs
            rest = whole[place][len(alone) :] if alone.ndim > 1 else alone[:0]
            assert torch.allclose(alone, whole[place][: len(alone)], atol=1e-5)
            assert (rest == 0).all()


def test_longer_padding_does_not_matter(case):
    known = case.fitted()
    packed = known.pack(case.table).cells
    if isinstance(packed, Masked):
        pytest.skip("cells of one length have no padding")
    cells = packed.take(packed.present.nonzero()[:, 0])
    for axis in range(1, cells.mask.ndim):
        most = getattr(known, "max_length", cells.mask.shape[axis] + 4)
        long = longer(cells, axis, most - cells.mask.shape[axis])
        for module in modules(known):
            stir(module).eval()
            short, padded = read(module, cells), read(module, long)
            if short.shape != padded.shape:  # a token for each item
                padded = padded[:, : short.shape[1]]
            assert torch.allclose(short, padded, atol=1e-5)


def longer(cells: Masked, axis: int, more: int) -> Masked:
    """Cells with junk behind them along an axis of the mask."""

    def behind(each: torch.Tensor, fill: int) -> torch.Tensor:
        shape = [*each.shape]
        shape[axis] = more
        return torch.cat([each, each.new_full(shape, fill)], axis)

    return Masked(behind(cells.values, 3), behind(cells.mask, 0))


def test_every_parameter_gets_a_gradient(case):
    known = case.fitted()
    for module in modules(known):
        stir(module).train()
        cells = case.batch(known, 4)
        found = gradients(module, cells)
        names = [name for name, weight in module.named_parameters() if weight.requires_grad]
        assert len(found) >= len(names)
        silent = [n for n, g in zip(names, found, strict=False) if not (g != 0).any()]
        assert not silent
        assert all(g.isfinite().all() for g in found)


def test_state_survives_and_two_calls_agree(case):
    known = case.fitted()
    cells = case.batch(known)
    for one, other in zip(modules(known), modules(known), strict=True):
        stir(one).eval()
        other.eval()
        before = [name for name, _ in one.named_modules()], [*one.state_dict()]
        first = read(one, cells)
        assert torch.equal(first, read(one, cells))
        assert ([name for name, _ in one.named_modules()], [*one.state_dict()]) == before
        assert not torch.equal(first, read(stir(other), cells))
        other.load_state_dict(one.state_dict())
        assert torch.equal(first, read(other, cells))
        with torch.no_grad():  # torch takes another way through a transformer here
            assert torch.allclose(first, read(one, cells), atol=1e-5)


def test_all_that_learns_is_registered(case):
    known = case.fitted()
    for module in modules(known):
        weights = {id(weight) for weight in module.parameters()}
        todo, seen = [read(stir(module).train(), case.batch(known)).grad_fn], set()
        while todo:
            node = todo.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            assert id(getattr(node, "variable", None)) in {*weights, id(None)}
            todo += [before for before, _ in node.next_functions]
        assert len(seen) > 1


@pytest.mark.parametrize("junk", [math.nan, 1e30])
def test_statistics_see_what_is_there(case, junk):
    known = case.fitted()
    cells = case.batch(known)
    for one, other in zip(modules(known), modules(known), strict=True):
        other.load_state_dict(stir(one).state_dict())
        for module, given in ((one, cells), (other, dirty(cells, junk))):
            torch.manual_seed(1)
            read(module.train(), given)
        after = dict(other.named_buffers())
        assert all(torch.equal(buffer, after[name]) for name, buffer in one.named_buffers())


def test_nothing_and_one_entry_are_finite(case):
    known = case.fitted()
    cells = case.batch(known)
    shown = [Masked(cells.values, cells.mask & False)]
    first = cells.take(torch.arange(1))
    for axis in range(1, cells.mask.ndim):  # of all entries along an axis just the first
        there = cells.mask & (cells.mask.cumsum(axis) == 1)
        shown += [Masked(cells.values, there), Masked(cells.values, there).take(torch.arange(1))]
    for module in modules(known):
        for mode in (stir(module).train(), module.eval()):
            for given in (first, *shown):
                out = read(mode, given)
                assert out.isfinite().all()
                if given.present.any():
                    assert all(each.isfinite().all() for each in gradients(mode, given))
    if getattr(known, "pool", "") != "tokens":
        assert not known.build(WIDTH).eval()(shown[0]).mask.any()


def test_shortcut_starts_at_zero(case):
    known = case.fitted()
    short = known.shortcut(3)
    if short is None:
        return
    cells = case.batch(known, present=False)
    out = short(cells)
    assert out.shape == (len(cells), 3)
    assert (out == 0).all()
    assert (stir(short)(cells)[cells.present] != 0).any()


def test_half_precision_on_the_processor(case):
    known = case.fitted()
    cells = case.batch(known, 2)
    for module in modules(known):
        exact = read(stir(module).eval(), cells)
        with torch.autocast("cpu", torch.bfloat16):
            rough = read(module, cells)
            with torch.no_grad():
                still = read(module, cells)
        assert torch.allclose(rough.float(), exact, atol=0.15, rtol=0.15)
        assert torch.allclose(still.float(), exact, atol=0.15, rtol=0.15)
        module.train()
        with torch.autocast("cpu", torch.bfloat16):
            found = gradients(module, cells)
        assert all(g.isfinite().all() for g in found)
