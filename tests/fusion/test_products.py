"""Fusions that multiply inputs, against written-out formulas; the low rank against the full one."""

import itertools

import pytest
import torch

from plait.data import Masked
from plait.fusion import MFB, FiLM, LowRank, TensorFusion

from .parts import stirred

WIDTH = 3
A, B, C = torch.randn(3, 4, 2, WIDTH, generator=torch.Generator().manual_seed(0)).unbind()
FULL = torch.ones(4, 2).bool()
THERE = {  # of rows: all, only a and c, only b, nothing
    "a": torch.tensor([True, True, False, False]),
    "b": torch.tensor([True, False, True, False]),
    "c": torch.tensor([True, True, False, False]),
}
MEANS = {"a": A.mean(1), "b": B.mean(1), "c": C.mean(1)}
PARTS = {
    name: Masked(values, THERE[name][:, None].expand(4, 2))
    for name, values in (("a", A), ("b", B), ("c", C))
}
NAMES = tuple(PARTS)


def each_row(rule) -> torch.Tensor:
    """What a rule says of each row, given the means of the inputs that are there."""
    given = [{n: MEANS[n][row] for n in NAMES if THERE[n][row]} for row in range(4)]
    return torch.stack([rule(means) for means in given])


def test_low_rank():
    module = stirred(LowRank(NAMES, WIDTH, rank=2))

    def rule(means):
        total = module.bias.clone()
        for rank in range(2):
            product = torch.ones(WIDTH)
            for place, name in enumerate(NAMES):
                if name in means:
                    one = torch.cat([torch.ones(1), means[name]])
                    product = product * (one @ module.factors[place, rank])
            total = total + module.weights[rank] * product
        return total

    assert torch.allclose(module(PARTS), each_row(rule), atol=1e-6)


def test_low_rank_begins_near_a_sum_and_does_not_explode():
    names = tuple("abcdefgh")
    parts = {n: Masked(torch.randn(99, 1, 64), torch.ones(99, 1).bool()) for n in names}
    spread = LowRank(names, 64)(parts).std()
    assert 0.01 < spread < 100


def test_tensor_fusion():
    module = stirred(TensorFusion(NAMES, WIDTH, size=2))

    def rule(means):
        small = []
        for place, name in enumerate(NAMES):
            zero = torch.zeros(2)
            small.append([1.0, *(module.small[place](means[name]) if name in means else zero)])
        products = [a * b * c for a, b, c in itertools.product(*small)]
        return module.weigh.weight @ torch.stack([torch.as_tensor(p) for p in products])

    assert torch.allclose(module(PARTS), each_row(rule), atol=1e-6)


def test_low_rank_equals_tensor_fusion_at_full_rank():
    full = stirred(TensorFusion(NAMES, WIDTH, size=WIDTH)).double()
    cells = (WIDTH + 1) ** 2
    low = LowRank(NAMES, WIDTH, rank=cells).double()
    weights = full.weigh.weight.view(WIDTH, WIDTH + 1, WIDTH + 1, WIDTH + 1)
    with torch.no_grad():
        for small in full.small:
            small.weight.copy_(torch.eye(WIDTH))
            small.bias.zero_()
        low.factors.zero_()
        low.weights.fill_(1.0)
        # One product for each cell of the first two inputs; the third brings the weights.
        for rank, (i, j) in enumerate(itertools.product(range(WIDTH + 1), repeat=2)):
            low.factors[0, rank, i] = 1.0
            low.factors[1, rank, j] = 1.0
            low.factors[2, rank] = weights[:, i, j].T
    parts = {name: Masked(part.values.double(), FULL) for name, part in PARTS.items()}
    assert torch.allclose(low(parts), full(parts), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("inputs", "size"), [(1, 32), (2, 32), (3, 24), (6, 4), (14, 1)])
def test_tensor_fusion_takes_what_fits(inputs, size):
    module = TensorFusion([str(i) for i in range(inputs)], 40)
    assert module.weigh.in_features == (size + 1) ** inputs <= 2**14
    assert TensorFusion(["a", "b"], 5).weigh.in_features == 6**2


def test_tensor_fusion_refuses_what_does_not_fit():
    told = r"at most 16,384 products per row\. 3 inputs of size 25 make .* = 17,576\. Choose"
    with pytest.raises(ValueError, match=told):
        TensorFusion(NAMES, 40, size=25)
    with pytest.raises(ValueError, match="15 inputs of size 1 make"):
        TensorFusion([str(i) for i in range(15)], 4)
    with pytest.raises(ValueError, match="`size` should be at least 1"):
        TensorFusion(NAMES, 4, size=0)


def test_mfb():
    module = stirred(MFB(NAMES, WIDTH, factors=2))

    def rule(means):
        if not means:
            return module.nothing
        product = torch.ones(WIDTH * 2)
        for place, name in enumerate(NAMES):
            if name in means:
                product = product * module.project[place](means[name])
        groups = [product[2 * i] + product[2 * i + 1] for i in range(WIDTH)]
        root = [g.sign() * g.abs().sqrt() for g in groups]
        return torch.stack(root) / sum(r**2 for r in root).sqrt()

    assert torch.allclose(module(PARTS), each_row(rule), atol=1e-3)
    assert torch.allclose(module(PARTS)[:3].norm(dim=1), torch.ones(3), atol=1e-3)


def test_mfb_has_a_slope_where_products_are_zero():
    module = MFB(("a", "b"), WIDTH)
    for map_ in module.project:
        torch.nn.init.zeros_(map_.bias)
    values = torch.zeros(2, 1, WIDTH, requires_grad=True)
    module({"a": Masked(values, FULL[:2, :1]), "b": Masked(B[:2], FULL[:2])}).sum().backward()
    assert values.grad.isfinite().all()


@pytest.mark.parametrize("first", NAMES)
def test_film(first):
    module = stirred(FiLM(NAMES, WIDTH, conditioner=first))
    others = [name for name in NAMES if name != first]

    def rule(means):
        parts = []
        for name in means:
            part = means[name]
            if name != first and first in means:
                both = module.modulate[others.index(name)](means[first])
                part = (1 + both[:WIDTH]) * part + both[WIDTH:]
            parts.append(part)
        return sum(parts) / len(parts) if parts else module.nothing

    assert torch.allclose(module(PARTS), each_row(rule), atol=1e-6)


def test_film_without_its_condition_leaves_the_rest_as_it_is():
    out = stirred(FiLM(NAMES, WIDTH, conditioner="b"))(PARTS)
    assert torch.allclose(out[1], (MEANS["a"][1] + MEANS["c"][1]) / 2, atol=1e-6)


def test_film_is_conditioned_by_the_first_unless_told():
    assert FiLM(NAMES, WIDTH).first == 0
    with pytest.raises(ValueError, match=r"one of the inputs \['a', 'b', 'c'\]. Got 'd'"):
        FiLM(NAMES, WIDTH, conditioner="d")
    with pytest.raises(ValueError, match="Did you mean 'photo'"):
        FiLM(("photo", "text"), WIDTH, conditioner="foto")
