"""Cells that are alike, and cells of which something was kept."""

import io

import numpy as np
import torch
from PIL import Image as Pillow
from torch import nn

from plait import Image, Schema, Text, Vector
from plait.data import Kept, Masked
from plait.modalities import Staged
from plait.pretraining import InfoNCE
from plait.training import Pretraining, keep, pretrain

from .pretrain_kit import QUICK, fitted, model_of, pairs, weights


class Recorder(InfoNCE):
    """What is held against what, step by step."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, one, other, against):
        self.seen.append(against)
        return super().forward(one, other, against)


def test_rows_with_the_same_text_are_not_held_against_each_other():
    words = [f"word{n % 5}" for n in range(40)]
    table = {"a": words, "b": [[float(n), 1.0] for n in range(40)], "y": [1.0, 2.0] * 20}
    made = Schema.infer(table, ["y"], {"a": Text(), "b": Vector()}).fit(table)
    loss = Recorder()
    pretrain(made, model_of(made), made.pack(table), loss, QUICK, Pretraining(epochs=1))
    (against,) = loss.seen
    assert against.sum() == 40 + 40 * 32  # itself, and the rows of the four other words


class Doubled(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, cells):
        return Masked(cells.values * self.weight, cells.mask)


class Behind(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(10, 16)

    def forward(self, cells):
        return Masked(self.line(cells.values).unsqueeze(1), cells.mask.unsqueeze(1))


def test_of_a_frozen_encoder_what_is_behind_it_is_trained():
    schema = fitted()
    made = []
    for kept in (False, True):
        model, pack = model_of(schema), schema.pack(pairs())
        torch.manual_seed(2)
        encoder = Staged(Doubled(), Behind(), "version 1")
        model.encoders[model.inputs.index("one")] = encoder
        before = weights(encoder)
        pack = keep(model, pack) if kept else pack
        assert isinstance(pack[torch.arange(3)].inputs["one"], Kept) == kept
        pretrain(schema, model, pack, InfoNCE(), QUICK, Pretraining(epochs=2))
        assert encoder.still.weight == 2
        assert not torch.equal(encoder.tuned.line.weight, before["tuned.line.weight"])
        made.append(weights(encoder))
    assert all(torch.allclose(made[0][name], made[1][name], atol=1e-5) for name in made[0])


def test_the_same_picture_is_known_although_it_is_varied():
    pixels = [np.full((8, 8, 3), 9 * n % 250, np.uint8) for n in range(16)]
    for n, each in enumerate(pixels):
        each[: n % 8] = 255
        each[:, : n // 2] = 0
    table = {
        "photo": [_png(each) for each in [*pixels, *pixels]],
        "a": [f"w{n}" for n in range(32)],
    }
    table["y"] = [float(n) / 3 for n in range(32)]
    made = Schema.infer(table, ["y"], {"photo": Image(size=8), "a": Text()}).fit(table)
    loss = Recorder()
    pretrain(made, model_of(made), made.pack(table), loss, QUICK, Pretraining(epochs=2))
    assert [int(against.sum()) for against in loss.seen] == [32 * 32 - 32] * 2


def _png(pixels):
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
