"""Fusions against written-out formulas, and their options."""

import pytest
import torch
from torch import nn

from plait.data import Masked
from plait.fusion import Attention, Concat, Mean

A, B = torch.randn(3, 2, 8), torch.randn(3, 1, 8)
MASK_A = torch.tensor([[True, True], [True, False], [False, False]])
MASK_B = torch.tensor([[True], [False], [False]])
PARTS = {"a": Masked(A, MASK_A), "b": Masked(B, MASK_B)}


def test_mean():
    module = Mean(("a", "b"), 8)
    nn.init.normal_(module.nothing)
    expected = torch.stack([(A[0].mean(0) + B[0, 0]) / 2, A[1, 0], module.nothing])
    assert torch.allclose(module(PARTS), expected, atol=1e-6)


def test_concat():
    module = Concat(("a", "b"), 8)
    nn.init.normal_(module.absent)
    no_a, no_b = module.absent
    beside = torch.stack(
        [torch.cat([A[0].mean(0), B[0, 0]]), torch.cat([A[1, 0], no_b]), torch.cat([no_a, no_b])]
    )
    expected = module.straight(beside) + module.bent(beside)
    assert torch.allclose(module(PARTS), expected, atol=1e-6)


def test_attention_without_blocks_is_a_sum():
    module = Attention(("a", "b"), 8, layers=0)
    total = torch.stack([A[0].sum(0) + B[0, 0], A[1, 0], torch.zeros(8)])
    assert torch.allclose(module(PARTS), total + module.gain * module.query, atol=1e-6)


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_against_the_blocks_of_torch(heads):
    module = Attention(("a", "b"), 8, heads=heads, layers=2).eval()
    values = torch.cat([A + module.origin[0], B + module.origin[1]], 1)
    states = torch.cat([module.query.expand(3, 1, 8), values], 1)
    hidden = ~torch.cat([torch.ones(3, 1).bool(), MASK_A, MASK_B], 1)
    for block in module.blocks:
        twin = nn.TransformerEncoderLayer(
            8, heads, 16, 0.0, "gelu", batch_first=True, norm_first=True
        )
        twin.load_state_dict({
            "self_attn.in_proj_weight": block.project.weight,
            "self_attn.in_proj_bias": block.project.bias,
            "self_attn.out_proj.weight": block.out.weight,
            "self_attn.out_proj.bias": block.out.bias,
            "linear1.weight": block.think[0].weight, "linear1.bias": block.think[0].bias,
            "linear2.weight": block.think[3].weight, "linear2.bias": block.think[3].bias,
            "norm1.weight": block.attend_norm.weight, "norm1.bias": block.attend_norm.bias,
            "norm2.weight": block.think_norm.weight, "norm2.bias": block.think_norm.bias,
        })  # fmt: skip
        states = twin(states, src_key_padding_mask=hidden)
    total = torch.stack([A[0].sum(0) + B[0, 0], A[1, 0], torch.zeros(8)])
    assert torch.allclose(module(PARTS), total + module.gain * states[:, 0], atol=1e-5)


def test_options_of_attention_change_the_answer():
    def answer(**options):
        torch.manual_seed(3)
        module = Attention(("a", "b"), 8, **options)
        nn.init.ones_(module.gain)
        return module(PARTS)

    usual = answer(dropout=0.0)
    for options in ({"layers": 2}, {"heads": 2}, {"dropout": 0.5}):
        assert not torch.allclose(answer(**{"dropout": 0.0, **options}), usual)


@pytest.mark.parametrize(("width", "heads"), [(30, 4), (8, 0), (8, -2)])
def test_attention_refuses_a_width_that_its_heads_do_not_divide(width, heads):
    with pytest.raises(ValueError, match=f"Got width={width} and heads={heads}"):
        Attention(("a",), width, heads=heads)


def test_the_weights_of_attention_keep_the_names_that_saved_models_have():
    block = ["attend_norm", "project", "out", "think_norm", "think.0", "think.3"]
    names = [f"blocks.0.{part}.{kind}" for part in block for kind in ("weight", "bias")]
    assert [*Attention(("a", "b"), 8).state_dict()] == ["origin", "query", "gain", *names]
