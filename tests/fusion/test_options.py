"""Every option of a fusion changes a number, and is refused where it means nothing."""

import inspect

import pytest
import torch

from plait import fusion
from plait._catalogue import catalogue
from plait.data import Masked
from plait.fusion import Attention, Fusion

NAMES = ("a", "b")
PARTS = {n: Masked(torch.randn(4, 3, 8), torch.ones(4, 3).bool()) for n in NAMES}
OPTIONS = {
    "Attention": {"layers": 2, "heads": 2, "dropout": 0.5},
    "Bottleneck": {"bottlenecks": 3, "layers": 3, "heads": 2, "dropout": 0.5},
    "CrossAttention": {"layers": 2, "heads": 2, "dropout": 0.5},
    "EarlyTransformer": {"layers": 3, "heads": 2, "dropout": 0.5},
    "EmbraceNet": {"probabilities": {"b": 3.0}},
    "FiLM": {"conditioner": "b"},
    "LowRank": {"rank": 3},
    "MFB": {"factors": 3, "dropout": 0.5},
    "Perceiver": {"latents": 3, "layers": 2, "heads": 2, "dropout": 0.5},
    "TensorFusion": {"size": 3},
}
KINDS = catalogue(fusion, Fusion)


def options(kind) -> set[str]:
    return {*inspect.signature(kind).parameters} - {"inputs", "width"}


def answer(kind, **chosen):
    torch.manual_seed(3)
    module = kind(NAMES, 8, **chosen)
    if kind is Attention:
        torch.nn.init.ones_(module.gain)
    return module(PARTS)


def test_every_option_has_a_case():
    found = {name: options(kind) for name, kind in KINDS.items()}
    assert {n: found[n] for n in found if found[n]} == {n: {*OPTIONS[n]} for n in OPTIONS}


@pytest.mark.parametrize(("name", "option"), [(n, o) for n in OPTIONS for o in OPTIONS[n]])
def test_an_option_changes_the_answer(name, option):
    still = {"dropout": 0.0} if "dropout" in OPTIONS[name] else {}
    usual = answer(KINDS[name], **still)
    assert torch.equal(answer(KINDS[name], **still), usual)
    chosen = {**still, option: OPTIONS[name][option]}
    assert not torch.allclose(answer(KINDS[name], **chosen), usual)


@pytest.mark.parametrize("name", [n for n in OPTIONS if "heads" in OPTIONS[n]])
@pytest.mark.parametrize(("width", "heads"), [(30, 4), (8, 0), (8, -2)])
def test_a_width_that_heads_do_not_divide_is_refused(name, width, heads):
    with pytest.raises(ValueError, match=f"Got width={width} and heads={heads}"):
        KINDS[name](NAMES, width, heads=heads)


COUNTS = [
    (name, option)
    for name in OPTIONS
    for option in ("layers", "latents", "bottlenecks", "rank", "factors", "size")
    if option in OPTIONS[name] and name != "Attention"
]


@pytest.mark.parametrize(("name", "option"), COUNTS)
def test_a_count_below_one_is_refused(name, option):
    with pytest.raises(ValueError, match=f"`{option}` should be at least 1. Got 0. Choose"):
        KINDS[name](NAMES, 8, **{option: 0})
