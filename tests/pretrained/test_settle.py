"""Layers that go by the training rows see them before the first step, kept or not."""

import pytest
import torch

import plait
from plait import Image, Learner, Model, Schema, Training
from plait.modalities import Bag, Staged
from plait.modalities._principal import Principal
from plait.training import Trainer, keep
from plait.training._settle import settle


def made(picture_folder, photo, bag: bool):
    photos = [photo(seed=n) for n in range(12)]
    cells = [[each, photos[n - 1]] if n % 3 else None for n, each in enumerate(photos)]
    if not bag:
        cells = [each if n % 3 else None for n, each in enumerate(photos)]
    table = {"photo": cells, "age": [float(n) for n in range(12)], "sold": [True, False] * 6}
    part = Image(encoder=picture_folder)
    inputs = {"photo": Bag(of=part) if bag else part}
    schema = Schema.infer(table, targets=["sold"], inputs=inputs).fit(table)
    return schema, Model(schema, 8), schema.pack(table), table


def layers(model) -> list[Principal]:
    return [each for each in model.modules() if isinstance(each, Principal)]


@pytest.mark.parametrize("bag", [False, True])
def test_kept_or_not_the_layer_sees_the_same_rows(picture_folder, photo, bag):
    _, model, pack, _ = made(picture_folder, photo, bag)
    _, other, _, _ = made(picture_folder, photo, bag)
    settle(model, pack)
    settle(other, keep(other, pack))
    (one,), (two,) = layers(model), layers(other)
    assert one.settled
    assert torch.allclose(one.middle, two.middle, atol=1e-5)
    assert torch.allclose(one.scale, two.scale, rtol=1e-4, atol=1e-5)
    number = model.inputs.index("photo")
    encoder = model.encoders[number]
    each = encoder.each if bag else encoder
    assert isinstance(each, Staged)
    cells = pack.inputs["photo"]
    items = cells.cells if bag else cells
    there = items.take(items.present.nonzero()[:, 0])
    assert torch.allclose(one.middle, each.still(there).values.mean(0), atol=1e-5)


def test_training_settles_first_and_only_once(picture_folder, photo):
    schema, model, pack, _ = made(picture_folder, photo, bag=False)
    trainer = Trainer(schema, Training(epochs=1, device="cpu"))
    trainer.fit(model, keep(model, pack))
    (layer,) = layers(model)
    before = layer.ways.clone()
    assert layer.settled
    trainer.fit(model, keep(model, pack))
    assert torch.equal(layer.ways, before)


def test_a_saved_model_keeps_what_was_seen(picture_folder, photo, tmp_path):
    _, _, _, table = made(picture_folder, photo, bag=False)
    inputs = {"photo": Image(encoder=picture_folder)}
    learner = Learner(["sold"], inputs, training=Training(epochs=2, device="cpu")).fit(table)
    learner.save(tmp_path / "model")
    again = plait.load(tmp_path / "model")
    (one,), (two,) = layers(learner.model), layers(again.model)
    assert two.settled
    assert torch.equal(one.ways, two.ways)
    assert learner.predict(table) == again.predict(table)


def test_what_starts_from_nothing_has_nothing_to_see(photo):
    table = {"photo": [photo(seed=n) for n in range(8)], "sold": [True, False] * 4}
    schema = Schema.infer(table, targets=["sold"]).fit(table)
    model = Model(schema, 8)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    settle(model, schema.pack(table))
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
