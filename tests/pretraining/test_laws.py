"""What every contrastive loss promises, over everything the wing exports."""

import math

import jaxtyping
import pytest
import torch
from torch import nn
from torch.nn.functional import pad

from plait import pretraining
from plait._catalogue import catalogue
from plait.data import Masked
from plait.pretraining import Contrast, Matching

SIDES = [["a.b"], ["keys"], ["", "Ω"]]
NAMES = [name for side in SIDES for name in side]
WIDTH, ROWS = 8, 6
each = pytest.mark.parametrize("kind", catalogue(pretraining, Contrast).values())


def tokens(rows=ROWS) -> dict[str, Masked]:
    """Some of all; the first two rows have everything, the last nothing."""
    made = {}
    for place, name in enumerate(NAMES):
        mask = torch.rand(rows, 1 + place % 2) < 0.6
        mask[:2] = True
        mask[-1] = False
        made[name] = Masked(torch.randn(*mask.shape, WIDTH), mask)
    return made


def matching(kind, sides=SIDES) -> Matching:
    torch.manual_seed(3)
    return Matching(sides, WIDTH, kind(), size=5)


def changed(parts, junk):
    return {
        name: Masked(part.values.masked_fill(~part.mask.unsqueeze(2), junk), part.mask)
        for name, part in parts.items()
    }


def gradients(module, parts):
    leaves = {n: Masked(p.values.clone().requires_grad_(), p.mask) for n, p in parts.items()}
    module.zero_grad()
    module(leaves).backward()
    named = [name for side in module.sides for name in side]
    return [
        *(each.grad.clone() for each in module.parameters()),
        *(leaves[name].values.grad for name in named),
    ]


@each
@pytest.mark.parametrize("junk", [math.nan, math.inf, -1e30])
def test_what_is_masked_has_no_say(kind, junk):
    module, parts = matching(kind), tokens()
    assert torch.equal(module(changed(parts, junk)), module(parts))
    pairs = zip(gradients(module, parts), gradients(module, changed(parts, junk)), strict=True)
    assert all(torch.equal(one, other) and one.isfinite().all() for one, other in pairs)


@each
def test_a_row_without_a_partner_has_no_say(kind):
    # Of the third row one side alone is there.
    module, parts = matching(kind, SIDES[:2]), tokens()
    parts["keys"].mask[2] = False
    parts["a.b"].mask[2] = True
    before, found = module(parts), gradients(module, parts)
    rest = {name: part.take(torch.tensor([0, 1, 3, 4, 5])) for name, part in parts.items()}
    assert torch.allclose(module(rest), before, atol=1e-6)
    parts["a.b"].values[2] = 1e3
    assert torch.equal(module(parts), before)
    after = gradients(module, parts)
    learned = len(list(module.parameters()))
    assert all(torch.equal(*pair) for pair in zip(found[:learned], after[:learned], strict=True))
    assert not after[learned][2].any()


@each
def test_every_parameter_and_every_input_gets_a_gradient(kind):
    found = gradients(matching(kind), tokens())
    assert all(each.isfinite().all() and (each != 0).any() for each in found)


@each
def test_the_order_of_rows_does_not_matter(kind):
    module, parts = matching(kind), tokens()
    order = torch.tensor([3, 0, 5, 2, 4, 1])
    keys = {name: torch.tensor([1, 2, 1, 3, 4, 5]) for name in NAMES}
    mixed = {name: part.take(order) for name, part in parts.items()}
    mixed_keys = {name: key[order] for name, key in keys.items()}
    assert torch.allclose(module(mixed, mixed_keys), module(parts, keys), atol=1e-6)


@each
def test_partners_cost_less_than_strangers(kind):
    vectors, there = torch.randn(16, 8), torch.ones(16, 16).bool()
    mixed = vectors.roll(1, 0)
    assert kind()(vectors, vectors, there) < kind()(vectors, mixed, there) - 1


@each
def test_the_length_of_a_vector_does_not_matter(kind):
    one, other, there = torch.randn(4, 8), torch.randn(4, 8), torch.ones(4, 4).bool()
    loss = kind()
    scaled = loss(3 * one, 0.1 * other, there)
    assert torch.allclose(scaled, loss(one, other, there), atol=1e-5)


@each
@pytest.mark.parametrize("rows", [0, 1])
def test_fewer_than_two_rows_are_absent(kind, rows):
    there = torch.zeros(3, 3, dtype=torch.bool)
    there[:rows, :rows] = True
    one = torch.randn(3, 8, requires_grad=True)
    loss = kind()
    found = loss(one, torch.randn(3, 8), there)
    found.backward()
    assert found == 0
    assert not one.grad.any()
    assert all(each.grad is None or not each.grad.any() for each in loss.parameters())


@each
def test_half_and_double_precision(kind):
    module, parts = matching(kind), tokens()
    exact = module(parts)
    with torch.autocast("cpu", torch.bfloat16):
        low = {name: Masked(part.values.bfloat16(), part.mask) for name, part in parts.items()}
        assert torch.allclose(module(low), exact, rtol=0.2)
        assert module(low).dtype == torch.float32
    fine = {name: Masked(part.values.double(), part.mask) for name, part in parts.items()}
    found = module.double()(fine)
    assert found.dtype == torch.float64
    assert torch.allclose(found.float(), exact, atol=1e-4)


@each
def test_what_is_learned_is_saved(kind):
    module, other = kind(), kind()
    for weight in module.parameters():
        nn.init.normal_(weight)
    other.load_state_dict(module.state_dict())
    one, two, there = torch.randn(4, 8), torch.randn(4, 8), torch.ones(4, 4).bool()
    assert torch.equal(other(one, two, there), module(one, two, there))
    assert not torch.equal(kind()(one, two, there), module(one, two, there))


@each
def test_padding_and_the_order_of_tokens_do_not_matter(kind):
    module, parts = matching(kind), tokens()
    longer = {
        n: Masked(pad(p.values, (0, 0, 0, 2), value=9.0), pad(p.mask, (0, 2)))
        for n, p in parts.items()
    }
    turned = {n: Masked(p.values.flip(1), p.mask.flip(1)) for n, p in parts.items()}
    for other in (longer, turned):
        assert torch.allclose(module(other), module(parts), atol=1e-6)


@each
def test_two_calls_agree_and_nothing_at_all_is_zero(kind):
    module, parts = matching(kind), tokens()
    before = [*module.state_dict()]
    assert torch.equal(module(parts), module(parts))
    assert [*module.state_dict()] == before
    nothing = {name: Masked(part.values, part.mask & False) for name, part in parts.items()}
    one = {name: part.take(torch.arange(1)) for name, part in parts.items()}
    for given in (nothing, one):
        assert module(given) == 0
        assert not any(grad.any() for grad in gradients(module, given) if grad is not None)


@each
def test_gradients_are_those_of_small_steps(kind):
    module = kind().double()
    one, other = (torch.randn(4, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    there = torch.ones(4, 4).bool()
    there[2] = there[:, 2] = False
    there[0, 3] = False

    def call(one, other, *weights):
        named = dict(zip(dict(module.named_parameters()), weights, strict=True))
        return torch.func.functional_call(module, named, (one, other, there))

    assert torch.autograd.gradcheck(call, (one, other, *module.parameters()))


@each
def test_compiles_whole(kind):
    module, there = kind(), torch.ones(4, 4).bool()
    torch.compiler.reset()
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        fast = torch.compile(module, fullgraph=True, backend="eager")
        one, other = torch.randn(2, 4, 8)
        assert torch.allclose(fast(one, other, there), module(one, other, there), atol=1e-6)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
        torch.compiler.reset()
