"""A frozen encoder within a bag: run once for each different item, and never again."""

import pytest
import torch
from torch import nn

from plait import Model, Schema
from plait.data import Bagged, Kept, Masked, Repeated
from plait.modalities import Bag, Staged, Vector
from plait.modalities._bag_encoder import BagEncoder
from plait.modalities._video_encoder import VideoEncoder
from plait.training import augment, keep

CLIPS = [[[1.0, 2.0], [3.0, 5.0]], None, [[3.0, 5.0]], [[1.0, 2.0], None, [1.0, 2.0]], []]
TABLE = {"clips": CLIPS, "y": [0.5, 1.5, 2.5, 3.5, 4.5]}


class Still(nn.Module):
    """Weights that are never trained; it remembers how many items it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(2, 6)
        self.seen = 0

    def forward(self, cells: Masked) -> Masked:
        self.seen += len(cells)
        return Masked(self.project(cells.values), cells.mask)


class Tuned(nn.Module):
    """One token an item."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(6, 8)

    def forward(self, cells: Masked) -> Masked:
        return Masked(self.project(cells.values).unsqueeze(1), cells.mask.unsqueeze(1))


@pytest.fixture(params=[BagEncoder, VideoEncoder])
def made(request):
    schema = Schema.infer(TABLE, ["y"], {"clips": Bag(of=Vector())}).fit(TABLE)
    model = Model(schema, width=8)
    staged = Staged(Still(), Tuned(), "test")
    model.encoders[0] = (
        BagEncoder(staged, 8, "attention")
        if request.param is BagEncoder
        else request.param(staged, 8)
    )
    return schema, model.eval(), staged.still


def test_what_is_kept_is_what_is_computed(made, tmp_path):
    schema, model, still = made
    pack = schema.pack(TABLE)
    rows = torch.arange(5)
    wanted = model(pack[rows].inputs)["y"]
    still.seen = 0
    kept = keep(model, pack, cache=tmp_path)
    assert still.seen == 2  # different items, of five
    column = kept.inputs["clips"]
    assert isinstance(column, Bagged)
    assert isinstance(column.cells, Repeated)
    batch = kept[rows]
    assert type(batch.inputs["clips"]) is Kept
    assert torch.allclose(model(batch.inputs)["y"], wanted, atol=1e-6)
    varied = augment(schema, batch, seed=0, epoch=0, input_dropout=0.0)
    assert varied.inputs["clips"] is batch.inputs["clips"]
    assert still.seen == 2
    keep(model, pack, cache=tmp_path)
    assert still.seen == 2
    model.train()(batch.inputs)["y"].sum().backward()
    assert all(weight.grad is None for weight in still.parameters())
