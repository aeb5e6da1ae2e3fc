"""What every fusion promises, over everything the wing exports."""

import math

import pytest
import torch
from torch.nn.functional import pad

from plait import fusion
from plait._catalogue import catalogue
from plait.data import Masked
from plait.fusion import Fusion

WIDTH = 8
SIX = ("price", "a.b", "keys", "type", "", "Ω")
each = pytest.mark.parametrize("kind", catalogue(fusion, Fusion).values())


def stirred(module: Fusion) -> Fusion:
    """Weights that start at zero say nothing yet."""
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return module.eval()


def tokens(inputs=SIX, rows=5, length=3) -> dict[str, Masked]:
    """Some of all; the first row has everything, the last nothing."""
    made = {}
    for place, name in enumerate(inputs):
        mask = torch.rand(rows, length + place % 2) < 0.6
        mask[0] = True
        if rows > 1:
            mask[-1] = False
        made[name] = Masked(torch.randn(*mask.shape, WIDTH), mask)
    return made


def changed(parts: dict[str, Masked], junk: float) -> dict[str, Masked]:
    return {
        name: Masked(part.values.masked_fill(~part.mask.unsqueeze(2), junk), part.mask)
        for name, part in parts.items()
    }


def gradients(module: Fusion, parts: dict[str, Masked]) -> list[torch.Tensor]:
    leaves = {n: Masked(p.values.clone().requires_grad_(), p.mask) for n, p in parts.items()}
    module.zero_grad()
    torch.manual_seed(1)
    out = module(leaves)
    (out * torch.linspace(-1, 2, out.numel()).view_as(out)).sum().backward()
    return [*(p.grad.clone() for p in module.parameters()),
            *(p.values.grad for p in leaves.values())]  # fmt: skip


@each
@pytest.mark.parametrize("inputs", [SIX[:1], SIX])
@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("length", [1, 3])
def test_shape_and_finite(kind, inputs, rows, length):
    module = kind(inputs, WIDTH)
    for mode in (module.train(), module.eval()):
        out = mode(tokens(inputs, rows, length))
        assert out.shape == (rows, WIDTH)
        assert out.isfinite().all()
        nothing = {n: Masked(p.values, p.mask & False) for n, p in tokens(inputs, rows).items()}
        assert mode(nothing).isfinite().all()


@each
def test_order_of_the_mapping_does_not_matter(kind):
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    assert torch.equal(module(dict(reversed(parts.items()))), module(parts))


@each
def test_names_may_be_permuted_with_their_tokens(kind):
    # An input is told from another by its place and not by its name.
    module, parts = stirred(kind(("a", "b"), WIDTH)), tokens(("a", "b"))
    other = kind(("b", "a"), WIDTH).eval()
    other.load_state_dict(module.state_dict())
    swapped = {"b": parts["a"], "a": parts["b"]}
    assert torch.equal(other(swapped), module(parts))


@each
@pytest.mark.parametrize("junk", [math.nan, math.inf, -1e30])
def test_what_is_masked_has_no_say(kind, junk):
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    assert torch.equal(module(changed(parts, junk)), module(parts))
    module.train()
    pairs = zip(gradients(module, parts), gradients(module, changed(parts, junk)), strict=True)
    assert all(torch.equal(one, other) and one.isfinite().all() for one, other in pairs)


@each
def test_what_is_there_has_a_say(kind):
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    before = module(parts)
    for name, part in parts.items():
        values = part.values + torch.randn_like(part.values) * part.mask.unsqueeze(2)
        after = module({**parts, name: Masked(values, part.mask)})
        assert (after[0] != before[0]).any()
        assert torch.equal(after[-1], before[-1])


@each
def test_masked_is_the_same_as_padded_otherwise(kind):
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    hidden = Masked(parts["keys"].values, parts["keys"].mask & False)
    gone = Masked(torch.zeros(5, 1, WIDTH), torch.zeros(5, 1).bool())
    assert torch.allclose(
        module({**parts, "keys": hidden}), module({**parts, "keys": gone}), atol=1e-6
    )
    longer = {
        name: Masked(pad(part.values, (0, 0, 0, 2), value=9.0), pad(part.mask, (0, 2)))
        for name, part in parts.items()
    }
    assert torch.allclose(module(longer), module(parts), atol=1e-6)


@each
def test_rows_do_not_mix(kind):
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    whole = module(parts)
    for row in range(5):
        alone = module({n: p.take(torch.tensor([row])) for n, p in parts.items()})
        assert torch.allclose(alone[0], whole[row], atol=1e-5)


@each
def test_every_parameter_gets_a_gradient(kind):
    module = stirred(kind(SIX, WIDTH)).train()
    found = gradients(module, tokens())[: len(list(module.parameters()))]
    named = dict(zip(dict(module.named_parameters()), found, strict=True))
    assert all(g.isfinite().all() for g in found)
    assert not [name for name, g in named.items() if not (g != 0).any()]


@each
def test_state_survives_and_two_calls_agree(kind):
    module, other, parts = stirred(kind(SIX, WIDTH)), kind(SIX, WIDTH).eval(), tokens()
    before = [name for name, _ in module.named_modules()]
    first = module(parts)
    assert torch.equal(module(parts), first)
    assert [name for name, _ in module.named_modules()] == before
    assert not torch.equal(other(parts), first)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(parts), first)


@each
def test_half_and_double_precision(kind):
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    exact = module(parts)
    with torch.autocast("cpu", torch.bfloat16):
        low = {n: Masked(p.values.bfloat16(), p.mask) for n, p in parts.items()}
        # An input that is absent in the whole batch comes in single precision.
        low["keys"], gone = (
            parts["keys"],
            Masked(torch.zeros(5, 1, WIDTH), parts["keys"].mask[:, :1]),
        )
        for given in (low, {**low, "keys": gone}):
            assert module(given).isfinite().all()
        assert torch.allclose(module(low).float(), exact, atol=0.2, rtol=0.2)
    module.double()
    fine = {n: Masked(p.values.double(), p.mask) for n, p in parts.items()}
    assert module(fine).dtype == torch.float64
    assert torch.allclose(module(fine).float(), exact, atol=1e-4)
    assert module({**fine, "keys": gone}).dtype == torch.float64
