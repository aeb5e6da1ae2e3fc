"""Laws about weights and names: each takes a class, and fails by an assertion."""

import torch

from plait.data import Masked
from plait.fusion import Fusion

from .parts import SIX, WIDTH, gradients, permuted, stirred, tokens


def mapping_in_any_order(kind: type[Fusion]) -> None:
    """The order in which the mapping holds the inputs makes no difference."""
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    assert torch.equal(module(dict(reversed(parts.items()))), module(parts))


def names_mean_nothing(kind: type[Fusion]) -> None:
    """An input is told from another by its place and not by its name."""
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    turned = tuple(reversed(SIX))
    other = kind(turned, WIDTH).eval()
    other.load_state_dict(module.state_dict())
    swapped = {new: parts[old] for new, old in zip(turned, SIX, strict=True)}
    assert torch.equal(other(swapped), module(parts))


def order_means_nothing(kind: type[Fusion]) -> None:
    """Inputs that are given in another order, with their weights, give the same.

    The first stays where it is: it may be the one that says how to read the others.
    """
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    for order in ([0, 3, 1, 5, 4, 2], [0, 5, 4, 3, 2, 1]):
        other = kind([SIX[place] for place in order], WIDTH).eval()
        other.load_state_dict(permuted(module, order))
        assert torch.allclose(other(parts), module(parts), atol=1e-5), order


def every_weight_learns(kind: type[Fusion]) -> None:
    """Each weight gets a gradient that is finite and not all zero."""
    module = stirred(kind(SIX, WIDTH)).train()
    found = gradients(module, tokens())
    for name, _ in module.named_parameters():
        assert found[name] is not None, name
        assert found[name].isfinite().all(), name
        assert (found[name] != 0).any(), name


def calls_agree(kind: type[Fusion]) -> None:
    """Two calls agree bit for bit, and no module or weight is made on the way."""
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    before = [name for name, _ in module.named_modules()], [*module.state_dict()]
    torch.manual_seed(1)
    first = module(parts)
    torch.manual_seed(2)
    assert torch.equal(module(parts), first)
    assert ([name for name, _ in module.named_modules()], [*module.state_dict()]) == before


def state_is_all(kind: type[Fusion]) -> None:
    """The state makes another module give the same; before that it gives something else."""
    torch.manual_seed(3)
    module = kind(SIX, WIDTH)
    other, parts = kind(SIX, WIDTH).eval(), tokens()
    module, first = stirred(module), stirred(module)(parts)
    assert not torch.equal(other(parts), first)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(parts), first)


def weights_move_together(kind: type[Fusion]) -> None:
    """What is moved to another device or number moves as a whole: nothing is left behind."""
    module, parts = stirred(kind(SIX, WIDTH)), tokens()
    exact = module(parts)
    module.double()
    fine = {name: Masked(part.values.double(), part.mask) for name, part in parts.items()}
    assert module(fine).dtype == torch.float64
    assert torch.allclose(module(fine).float(), exact, atol=1e-4)
    # An input that is absent in the whole batch comes in single precision.
    gone = Masked(torch.zeros(5, 1, WIDTH), parts["keys"].mask[:, :1] & False)
    assert module({**fine, "keys": gone}).dtype == torch.float64
    module.to("meta")
    out = module({name: part.to("meta") for name, part in fine.items()})
    assert out.device.type == "meta"


LAWS = (
    mapping_in_any_order,
    names_mean_nothing,
    order_means_nothing,
    every_weight_learns,
    calls_agree,
    state_is_all,
    weights_move_together,
)
