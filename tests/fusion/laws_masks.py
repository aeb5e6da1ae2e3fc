"""Laws about what is absent: each takes a class, and fails by an assertion."""

import math

import torch
from torch.nn.functional import pad

from plait.data import Masked
from plait.fusion import Fusion

from .parts import SIX, WIDTH, changed, gradients, stirred, tokens


def shape_and_finite(kind: type[Fusion]) -> None:
    """One input and six, one row and five, one token and three, and nothing at all."""
    for inputs in (SIX[:1], SIX):
        module = kind(inputs, WIDTH)
        for rows, length in ((1, 1), (1, 3), (5, 1), (5, 3)):
            parts = tokens(inputs, rows, length)
            nothing = {name: Masked(part.values, part.mask & False) for name, part in parts.items()}
            for mode in (module.train(), module.eval()):
                for given in (parts, nothing):
                    out = mode(given)
                    assert out.shape == (rows, WIDTH)
                    assert out.isfinite().all()
        found = gradients(module.train(), nothing)
        assert all(grad is None or grad.isfinite().all() for grad in found.values())


def junk_has_no_say(kind: type[Fusion]) -> None:
    """NaN, infinity and huge values where nothing is change no output and no gradient."""
    parts = tokens()
    for junk in (math.nan, math.inf, -1e30):
        module = stirred(kind(SIX, WIDTH))
        assert torch.equal(module(changed(parts, junk)), module(parts)), junk
        module.train()
        clean, spoiled = gradients(module, parts), gradients(module, changed(parts, junk))
        for name, grad in clean.items():
            assert torch.equal(grad, spoiled[name]), (name, junk)
            assert grad.isfinite().all(), (name, junk)


def what_is_there_has_a_say(kind: type[Fusion]) -> None:
    """Each input alone moves the result of a row that has it, and of no other."""
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    before = module(parts)
    for name, part in parts.items():
        values = part.values + torch.randn_like(part.values) * part.mask.unsqueeze(2)
        after = module({**parts, name: Masked(values, part.mask)})
        assert (after[0] != before[0]).any(), name
        assert torch.equal(after[-1], before[-1]), name


def one_that_is_alone_has_a_say(kind: type[Fusion]) -> None:
    """An input that is the only one there moves the result."""
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    nothing = {name: Masked(part.values, part.mask & False) for name, part in parts.items()}
    answers = [module({**nothing, name: part})[0] for name, part in parts.items()]
    for one, name in enumerate(parts):
        noise = torch.randn_like(parts[name].values)
        moved = Masked(parts[name].values + noise, parts[name].mask)
        assert (module({**nothing, name: moved})[0] != answers[one]).any(), name
        assert (module(nothing)[0] != answers[one]).any(), name


def hidden_is_gone(kind: type[Fusion]) -> None:
    """Masking an input is the same as one that came with other values in another length."""
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    for name, part in parts.items():
        hidden = {**parts, name: Masked(part.values, part.mask & False)}
        for length in (1, 6):
            none = torch.zeros(5, length).bool()
            gone = Masked(torch.full((5, length, WIDTH), 7.0), none)
            out = module({**parts, name: gone})
            assert torch.allclose(module(hidden), out, atol=1e-6), (name, length)


def padding_is_nothing(kind: type[Fusion]) -> None:
    """How many empty places follow the tokens makes no difference."""
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    longer = {
        name: Masked(pad(part.values, (0, 0, 0, 2), value=9.0), pad(part.mask, (0, 2)))
        for name, part in parts.items()
    }
    assert torch.allclose(module(longer), module(parts), atol=1e-6)


def rows_do_not_mix(kind: type[Fusion]) -> None:
    """A row alone gives what it gives among others (outside of training, where dropout acts)."""
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    whole = module(parts)
    for row in range(5):
        alone = module({n: p.take(torch.tensor([row])) for n, p in parts.items()})
        assert torch.allclose(alone[0], whole[row], atol=1e-5), row


def statistics_see_what_is_there(kind: type[Fusion]) -> None:
    """Junk, padding and rows of nothing move no buffer in training."""
    parts = tokens()
    empty = {n: Masked(p.values[:3] + 5, p.mask[:3] & False) for n, p in parts.items()}
    more = {name: Masked.joined([part, empty[name]]) for name, part in parts.items()}
    longer = {n: Masked(pad(p.values, (0, 0, 0, 2)), pad(p.mask, (0, 2))) for n, p in parts.items()}
    found = []
    for given in (parts, changed(parts, math.nan), longer, more):
        module = stirred(kind(SIX, WIDTH)).train()
        module(given)
        found.append(dict(module.named_buffers()))
    for name, buffer in found[0].items():
        assert all(torch.allclose(buffer.float(), other[name].float()) for other in found), name


LAWS = (
    shape_and_finite,
    junk_has_no_say,
    what_is_there_has_a_say,
    one_that_is_alone_has_a_say,
    hidden_is_gone,
    padding_is_nothing,
    rows_do_not_mix,
    statistics_see_what_is_there,
)
