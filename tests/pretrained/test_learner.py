"""The whole way with a pretrained text."""

import shutil

import pytest
import torch

import plait
from plait import ConfigError, DataError, Learner, Training

COLORS = ["red", "blue"]
ROWS = 60


def table(rows: int = ROWS) -> dict[str, list]:
    return {
        "note": [None if n % 9 == 8 else f"a {COLORS[n % 2]} bag" + " and a shoe" * (n % 3)
                 for n in range(rows)],
        "age": [float(n % 7) for n in range(rows)],
        "color": [COLORS[n % 2] for n in range(rows)],
    }  # fmt: skip


def learner(encoder: str, tune: str = "frozen", **options) -> Learner:
    note = {"type": "Text", "encoder": encoder, "tune": tune}
    training = Training(epochs=options.pop("epochs", 2), device="cpu")
    return Learner(["color"], {"note": note}, training=training, width=16, **options)


@pytest.mark.parametrize("tune", ["frozen", "last:1", "lora", "full"])
def test_a_saved_model_needs_no_folder(making, tmp_path, tune):
    encoder = making(tmp_path / "net")
    made = learner(encoder, tune).fit(table())
    expected = made.predict(table())
    made.save(tmp_path / "model")
    shutil.rmtree(tmp_path / "net")
    again = plait.load(tmp_path / "model")
    assert again.predict(table()) == expected
    assert not again.model.training
    # Saved once more, it is the same model.
    again.save(tmp_path / "twice")
    one, other = (
        (tmp_path / name / "weights.safetensors").read_bytes() for name in ("model", "twice")
    )
    assert one == other
    with pytest.raises((ConfigError, DataError), match="should name a folder"):
        learner(encoder, tune).fit(table())


def test_it_learns_what_the_text_says(making, tmp_path):
    # Vectors of small random weights still tell one word from another.
    made = learner(making(tmp_path / "net", std=0.05), epochs=60).fit(table())
    known = [n for n in range(ROWS) if n % 9 != 8]
    answers = made.predict(table())["color"]
    right = sum(answers[n] == COLORS[n % 2] for n in known) / len(known)
    assert right > 0.85


def test_two_fits_are_the_same_and_the_second_runs_nothing(folder, tmp_path, monkeypatch):
    rows: list[int] = []
    original = plait.modalities.Staged.__init__

    def watched(self, still, *args):
        original(self, still, *args)
        still.register_forward_hook(lambda _, given, __: rows.append(len(given[0])))

    monkeypatch.setattr(plait.modalities.Staged, "__init__", watched)
    first = learner(folder, cache=str(tmp_path)).fit(table())
    distinct = len({text for text in table()["note"] if text})
    assert distinct == 6
    assert distinct <= sum(rows) <= 2 * distinct  # training rows, and those held back
    rows.clear()
    second = learner(folder, cache=str(tmp_path)).fit(table())
    assert rows == []
    for one, other in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(one, other)
