"""Lists of pictures and texts, videos and places through the learner: fit, save, load, predict."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

import plait
from plait import Learner, Training
from plait.data import Bagged
from plait.data._open import WHOLE, opened
from plait.modalities import Bag, Geo, Image, Text, Video
from plait.packing._choices import Choices
from plait.packing._key import key_of
from plait.schema import Schema

ROWS = 48
SHORT = Training(epochs=2, batch_size=16)
INPUTS = {
    "photos": {"type": "Bag", "of": {"type": "Image", "size": 12}, "pool": "mean"},
    "notes": Bag(of=Text()),
    "clip": Video(of=Image(size=8), frames=3),
}


def picture(level: float) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(np.full((14, 12, 3), int(255 * level), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def houses() -> dict:
    rng = np.random.default_rng(0)
    price = rng.random(ROWS)
    photos = [[picture(level)] * (n % 5) for n, level in enumerate(price)]  # every fifth has none
    photos[3] = [None, photos[3][0], None]
    return {
        "photos": photos,
        "notes": [[f"a house of {int(9 * p)}", "nice"] if n % 3 else None
                  for n, p in enumerate(price)],
        "clip": [[picture(p), picture(1 - p)] if n % 4 else None for n, p in enumerate(price)],
        "lat": (48 + price).tolist(),
        "lon": (11.5 - price / 2).tolist(),
        "price": (100 * price).tolist(),
    }  # fmt: skip


def test_fit_save_load_predict(tmp_path, houses):
    learner = Learner(["price"], INPUTS, training=SHORT, seed=1).fit(houses)
    kinds = {name: type(part) for name, part in learner.schema.inputs.items()}
    assert kinds == {"photos": Bag, "notes": Bag, "clip": Video, "location": Geo}
    answers = learner.predict(houses)["price"]
    assert np.isfinite(answers).all()
    learner.save(tmp_path / "run.plait")
    again = plait.load(tmp_path / "run.plait")
    assert again.schema == learner.schema
    assert again.predict(houses)["price"] == answers
    alone = [again.predict({k: v[n : n + 1] for k, v in houses.items()})["price"][0]
             for n in (0, 3, 5)]  # fmt: skip
    assert alone == pytest.approx([answers[n] for n in (0, 3, 5)], abs=1e-3)
    turned = {**houses, "photos": [list(reversed(each)) for each in houses["photos"]]}
    assert again.predict(turned)["price"] == pytest.approx(answers, abs=1e-3)
    missing = {**houses, "photos": [None] * ROWS}
    assert np.isfinite(again.predict(missing)["price"]).all()


def test_the_pictures_of_a_bag_are_learned_from(houses):
    only = {"photos": houses["photos"], "price": houses["price"]}
    known = Training(epochs=60, batch_size=16, learning_rate=5e-3)
    inputs = {"photos": INPUTS["photos"]}
    learner = Learner(["price"], inputs, training=known, valid=0.0, seed=1).fit(only)
    seen = [n for n in range(ROWS) if n % 5]
    table = {name: [cells[n] for n in seen] for name, cells in only.items()}
    assert learner.evaluate(table)["price"]["r2"] > 0.5


def test_a_pack_on_the_disk_gives_the_same_model(tmp_path, houses):
    told = [
        Learner(["price"], INPUTS, training=SHORT, seed=1, cache=tmp_path, **options)
        .fit(houses).predict(houses)["price"]
        for options in ({}, {}, {"memory": 1000})
    ]  # fmt: skip
    assert list(tmp_path.rglob("pack.json"))
    assert told[0] == told[1]
    assert np.isfinite(told[2]).all()


def test_batches_of_a_pack_are_bags(houses):
    schema = Schema.infer(houses, ["price"], INPUTS).fit(houses)
    pack = schema.pack(houses)
    assert isinstance(pack.inputs["photos"], Bagged)
    lengths = pack.lengths
    assert lengths is not None
    photos = [n % 5 if n != 3 else 1 for n in range(ROWS)]
    frames = [2 if n % 4 else 0 for n in range(ROWS)]
    rest = lengths - pack.inputs["notes"].lengths
    assert rest.tolist() == [a + b for a, b in zip(photos, frames, strict=True)]


def test_a_pack_knows_what_is_within_a_bag(houses):
    def key(part) -> str | None:
        choices = Choices({"price": None}, {"notes": part}, lambda table: None, 0.1, 0, 1 << 30)  # ty: ignore[invalid-argument-type]
        return key_of(opened(houses, None, WHOLE), None, choices)

    class Mine(Text):
        pass

    assert key(Bag(of=Text())) != key(Bag(of=Text(max_length=3)))
    assert key({"type": "Bag", "of": "Text"}) != key({"type": "Bag", "of": "Tags"})
    assert key(Bag(of=Mine())) is None
    assert key({"type": "Bag", "of": {"type": "Text", "encoder": "hf:some/where"}}) is None
