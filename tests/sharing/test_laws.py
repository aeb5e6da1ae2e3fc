"""The laws, over everything the wing exports."""

from functools import partial

import pytest
import torch
from torch import nn

from plait import sharing
from plait._catalogue import catalogue
from plait.sharing import CGC, PLE, CrossStitch, DSelectK, Sharing

from . import laws, laws_of_machines as machines

KINDS = catalogue(sharing, Sharing)
COMMON = ("Bottom",)
"""Kinds that keep nothing for one task alone."""

OTHERS = {
    "CGC: several": partial(CGC, shared=3, own=2, layers=2),
    "PLE: one level": partial(PLE, levels=1, own=2),
    "PLE: three levels": partial(PLE, levels=3, shared=1),
    "CrossStitch: channels": partial(CrossStitch, channels=True),
    "DSelectK: three experts": partial(DSelectK, experts=3),
    "DSelectK: rows choose": partial(DSelectK, experts=5, selected=3, per_row=True),
}
BUILDS = {**KINDS, **OTHERS}
each = pytest.mark.parametrize("build", BUILDS.values(), ids=list(BUILDS))
each_private = pytest.mark.parametrize(
    "build",
    [build for name, build in BUILDS.items() if name not in COMMON],
    ids=[name for name in BUILDS if name not in COMMON],
)
LAWS = [
    laws.shapes, laws.registered, laws.learns, laws.survives, laws.steady, laws.rows_alone,
    laws.absent_is_absent, laws.padding, laws.without_tokens, laws.by_place, laws.precisions,
]  # fmt: skip


@each
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law, build):
    law(build)


@each_private
def test_each_task_has_weights_of_its_own(build):
    machines.private(build)


@pytest.mark.parametrize("name", COMMON)
def test_the_others_share_all(name):
    assert machines.alone(KINDS[name]) == [0, 0, 0]


@each
def test_dropout_is_for_training_alone(build):
    module, given = build(laws.TWO, 8, dropout=0.5), laws.rows()
    laws.stirred(module).train()
    first = laws.stacked(module(*given))
    assert not torch.equal(laws.stacked(module(*given)), first)
    module.eval()
    assert torch.equal(laws.stacked(module(*given)), laws.stacked(module(*given)))
    assert {part.p for part in module.modules() if isinstance(part, nn.Dropout)} == {0.5}


@pytest.mark.parametrize("kind", KINDS.values())
def test_layers_are_counted(kind):
    def size(layers):
        return sum(weight.numel() for weight in kind(laws.TWO, 8, layers=layers).parameters())

    assert size(3) - size(2) == size(2) - size(1) > 0
