"""What every way of sharing promises; each law takes what builds one from tasks and a width."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from plait.data import Masked
from plait.sharing import Sharing

Build = Callable[[tuple[str, ...], int], Sharing]

WIDTH = 8
SEVEN = ("price", "a.b", "keys", "is it sold?", "", "Ω", "forward")
TWO = SEVEN[:2]
JUNK = (float("nan"), float("inf"), -1e30)


def stirred(module: Sharing) -> Sharing:
    """Weights that start at zero say nothing yet."""
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    return module.eval()


def rows(count: int = 5, length: int = 3) -> tuple[Tensor, Masked]:
    """Features and tokens; the first row has all tokens, the last none."""
    mask = torch.rand(count, length) < 0.6
    mask[0] = True
    if count > 1:
        mask[-1] = False
    return torch.randn(count, WIDTH), Masked(torch.randn(count, length, WIDTH), mask)


def stacked(answer: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(answer.values()))


def weighed(answer: dict[str, Tensor]) -> Tensor:
    out = stacked(answer)
    return (out * torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view_as(out).cos()).sum()


def gradients(module: Sharing, features: Tensor, tokens: Masked) -> list[Tensor]:
    x = features.clone().requires_grad_()
    values = tokens.values.clone().requires_grad_()
    module.zero_grad()
    torch.manual_seed(1)
    weighed(module(x, Masked(values, tokens.mask))).backward()
    found = [weight.grad for weight in module.parameters()]
    if module.TOKENS:
        found.append(values.grad)
    return [x.grad, *found]


def shapes(build: Build) -> None:
    """One vector for each row and task, under any names, with and without tokens."""
    for names in (SEVEN[:1], TWO, SEVEN, SEVEN[4:5]):
        for module in (build(names, WIDTH).train(), build(names, WIDTH).eval()):
            for count, length in ((1, 1), (4, 3), (2, 0)):
                features, tokens = rows(count, length)
                for given in ((features,), (features, None), (features, tokens)):
                    out = module(*given)
                    assert tuple(out) == names
                    for part in out.values():
                        assert part.shape == (count, WIDTH)
                        assert part.isfinite().all()


def registered(build: Build) -> None:
    """All that learns is a parameter of the module."""
    module = build(TWO, WIDTH)
    known = {id(weight) for weight in module.parameters()}
    todo = [part.grad_fn for part in module(*rows()).values()]
    seen = set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            assert id(node.variable) in known
        todo += [after for after, _ in node.next_functions]


def learns(build: Build) -> None:
    """Each parameter gets a finite gradient that is not zero."""
    module = stirred(build(SEVEN[:3], WIDTH)).train()
    features, tokens = rows(16)
    gradients(module, features, tokens)
    for name, weight in module.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert (weight.grad != 0).any(), name


def survives(build: Build) -> None:
    """What a module is stands in its state."""
    module, other, given = stirred(build(TWO, WIDTH)), build(TWO, WIDTH).eval(), rows()
    assert not torch.equal(stacked(other(*given)), stacked(module(*given)))
    other.load_state_dict(module.state_dict())
    assert torch.equal(stacked(other(*given)), stacked(module(*given)))


def steady(build: Build) -> None:
    """Two calls agree, and make nothing new."""
    module, given = stirred(build(TWO, WIDTH)), rows()
    before = [name for name, _ in [*module.named_modules(), *module.named_parameters()]]
    first = stacked(module(*given))
    assert torch.equal(stacked(module(*given)), first)
    after = [name for name, _ in [*module.named_modules(), *module.named_parameters()]]
    assert after == before


def rows_alone(build: Build) -> None:
    """A row is answered as it would be alone."""
    module, (features, tokens) = stirred(build(TWO, WIDTH)), rows()
    whole = stacked(module(features, tokens))
    for row in range(5):
        one = torch.tensor([row])
        alone = stacked(module(features[one], tokens.take(one)))
        assert torch.allclose(alone[:, 0], whole[:, row], atol=1e-5)


def absent_is_absent(build: Build) -> None:
    """What stands in a place that is not there changes no answer and no gradient."""
    module, (features, tokens) = stirred(build(TWO, WIDTH)), rows()
    out = stacked(module(features, tokens))
    before = gradients(module, features, tokens)
    for junk in JUNK:
        hole = ~tokens.mask.unsqueeze(2)
        other = Masked(tokens.values.masked_fill(hole, junk), tokens.mask)
        assert torch.equal(stacked(module(features, other)), out)
        for one, two in zip(gradients(module, features, other), before, strict=True):
            assert one.isfinite().all()
            assert torch.equal(one, two)


def padding(build: Build) -> None:
    """More places that are not there change nothing."""
    module, (features, tokens) = stirred(build(TWO, WIDTH)), rows()
    longer = Masked(pad(tokens.values, (0, 0, 0, 4), value=9.0), pad(tokens.mask, (0, 4)))
    out = stacked(module(features, tokens))
    assert torch.allclose(stacked(module(features, longer)), out, atol=1e-6)


def without_tokens(build: Build) -> None:
    """No tokens are the same as none that is there; only a kind that says so reads them."""
    module, (features, tokens) = stirred(build(TWO, WIDTH)), rows()
    none = stacked(module(features))
    hidden = Masked(tokens.values, tokens.mask & False)
    assert torch.allclose(stacked(module(features, hidden)), none, atol=1e-6)
    out = stacked(module(features, tokens))
    assert torch.allclose(out[:, -1], none[:, -1], atol=1e-6)
    assert torch.equal(out, none) is not module.TOKENS


def by_place(build: Build) -> None:
    """A task is told from another by its place and not by its name."""
    one, other, given = stirred(build(SEVEN, WIDTH)), build(SEVEN[::-1], WIDTH).eval(), rows()
    other.load_state_dict(one.state_dict())
    assert tuple(other(*given)) == SEVEN[::-1]
    assert torch.equal(stacked(one(*given)), stacked(other(*given)))


def precisions(build: Build) -> None:
    """Half precision by autocast, and double throughout."""
    module, (features, tokens) = stirred(build(TWO, WIDTH)), rows()
    exact = stacked(module(features, tokens))
    low = Masked(tokens.values.bfloat16(), tokens.mask)
    with torch.autocast("cpu", torch.bfloat16):
        for given in ((features, tokens), (features.bfloat16(), low), (features, low)):
            out = stacked(module(*given)).float()
            assert out.isfinite().all()
            assert torch.allclose(out, exact, atol=0.3, rtol=0.3)
    module.double()
    out = stacked(module(features.double(), Masked(tokens.values.double(), tokens.mask)))
    assert out.dtype == torch.float64
    assert torch.allclose(out.float(), exact, atol=1e-4)
