"""The whole way with a column of sounds."""

import wave

import numpy as np
import pytest

import plait
from plait import Learner, Training

ROWS = 60


@pytest.fixture
def table(tmp_path):
    """Two tones of many lengths, some of them under much noise."""
    rng = np.random.default_rng(0)
    names = []
    for number in range(ROWS):
        time = np.arange(800 + 30 * (number % 11))
        tone = np.sin(time * (0.5 if number % 2 else 0.25)) + rng.normal(
            0, 0.8 if number % 3 else 0.02, len(time)
        )
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((9000 * tone).clip(-32767, 32767).astype("<i2").tobytes())
        names.append(f"{number}.wav" if number % 9 != 8 else None)
    pitch = ["high" if number % 2 else "low" for number in range(ROWS)]
    return {"sound": names, "pitch": pitch, "noisy": [n % 3 > 0 for n in range(ROWS)]}


def test_one_model_hears_two_things_and_is_the_same_when_loaded(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    training = Training(epochs=60, patience=60, average=0.0, batch_size=16, device="cpu")
    made = Learner(["pitch", "noisy"], training=training, width=16).fit(table, table)
    assert type(made.schema.inputs["sound"]).__name__ == "Audio"
    answers = made.predict(table)
    known = [n for n in range(ROWS) if table["sound"][n]]
    for target in ("pitch", "noisy"):
        right = [str(answers[target][n]) == str(table[target][n]) for n in known]
        assert sum(right) / len(known) > 0.9
    made.save(tmp_path / "model")
    assert plait.load(tmp_path / "model").predict(table) == answers
    # A sound that is not there is answered all the same.
    assert all(each is not None for each in answers["pitch"])
