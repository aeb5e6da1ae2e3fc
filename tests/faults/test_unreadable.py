"""Promise 14: what cannot be read is counted, listed and bounded; nothing takes its place."""

import io
import json
import warnings
import wave
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow
from pyarrow import parquet

import plait
from plait import DataError, Learner, PlaitWarning, Training
from plait.__main__ import main

ROWS = 300
BAD = (17, 205, 260)
"""One in a hundred, which is what may be."""
QUICK = Training(epochs=1, device="cpu", batch_size=64)


def picture(shade: int) -> bytes:
    held = io.BytesIO()
    Pillow.new("RGB", (12, 12), (shade, 255 - shade, 9)).save(held, "PNG")
    return held.getvalue()


def sound(pitch: int) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        time = np.arange(1_600) / 8_000
        file.writeframes((9_000 * np.sin(2 * np.pi * pitch * time)).astype(np.int16).tobytes())
    return held.getvalue()


MAKERS = {"Image": picture, "Audio": sound}
LOST = {"Image": "pictures that cannot be read", "Audio": "sounds that cannot be read"}


def table(kind: str, bad: tuple[int, ...]) -> dict[str, list]:
    cells = [MAKERS[kind](20 + n % 200) for n in range(ROWS)]
    for row in bad:
        cells[row] = cells[row][: len(cells[row]) // 2]
    return {
        "cell": cells,
        "size": np.random.default_rng(0).normal(size=ROWS).tolist(),
        "y": [float(n % 200) for n in range(ROWS)],
    }


def learner(kind: str) -> Learner:
    return Learner(["y"], {"cell": kind}, width=8, training=QUICK, cache=False, valid=0.0)


@pytest.mark.parametrize("kind", MAKERS)
def test_up_to_one_in_a_hundred_is_counted_and_listed_and_the_run_goes_on(kind):
    done = learner(kind).fit(table(kind, BAD))
    (note,) = [note for note in done.notes if note.what == LOST[kind]]
    assert note.count == len(BAD)
    assert note.examples == tuple(f"row {row}" for row in BAD)
    assert done.rows == ROWS


@pytest.mark.parametrize("kind", MAKERS)
def test_one_more_stops_it_and_names_rows(kind):
    with pytest.raises(
        DataError, match=r"At most 1 % .*'cell' may be unreadable. 4 of 300 are"
    ) as told:
        learner(kind).fit(table(kind, (*BAD, 299)))
    assert all(str(row) in str(told.value) for row in BAD)


@pytest.mark.parametrize("kind", MAKERS)
def test_nothing_takes_the_place_of_what_cannot_be_read(kind):
    """It is masked: the row is learned and answered as if the cell were empty."""
    good, bad = table(kind, ()), table(kind, BAD)
    done = learner(kind).fit(good)
    pack = done.schema.pack(plait.Table.of(bad))
    there = pack.inputs["cell"].present
    assert [row for row in range(ROWS) if not there[row]] == list(BAD)
    assert len(pack) == ROWS
    empty = bad | {"cell": [None if row in BAD else cell for row, cell in enumerate(bad["cell"])]}
    with pytest.warns(PlaitWarning, match=f"cell: 3 {LOST[kind]} .row 17, row 205, row 260"):
        answers = done.predict(bad)["y"]
    assert answers == done.predict(empty)["y"]
    others = [row for row in range(ROWS) if row not in BAD]
    whole = done.predict(good)["y"]
    assert max(abs(answers[row] - whole[row]) for row in others) <= 1e-6 * 200


@pytest.mark.parametrize("kind", MAKERS)
def test_answers_are_not_bounded_but_counted(kind):
    done = learner(kind).fit(table(kind, ()))
    bad = table(kind, tuple(range(0, ROWS, 2)))
    with pytest.warns(PlaitWarning, match=f"cell: 150 {LOST[kind]}"):
        answers = done.predict(bad)
    assert len(answers["y"]) == ROWS
    (met,) = done.account.inputs["cell"]
    assert (met.count, met.what, met.news) == (150, LOST[kind], True)


def test_values_of_another_kind_are_counted_too():
    rows = {
        "size": [str(n) if n % 50 else "many" for n in range(100)],
        "clip": [[1.0, 2.0] if n != 7 else [1.0] for n in range(100)],
        "y": [float(n % 9) for n in range(100)],
    }
    said = {"size": "Numeric", "clip": "Vector"}
    done = Learner(["y"], said, width=8, training=QUICK, cache=False).fit(rows)
    told = [str(note) for note in done.notes]
    assert "size: 2 no finite number" in told
    assert "clip: 1 not finite or of another length (row 7)" in told


def test_the_command_line_lists_them(tmp_path: Path, capsys):
    parquet.write_table(pa.table(table("Image", BAD)), tmp_path / "t.parquet")
    words = ["fit", str(tmp_path / "t.parquet"), "-t", "y", "-o", str(tmp_path / "run"), "--json",
             "--set", "training.epochs=1", "--set", "model.width=8", "--set", "data.valid=0",
             "--set", "data.cache=false"]  # fmt: skip
    assert main(words) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert "cell: 3 pictures that cannot be read (row 17, row 205, row 260)" in notes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlaitWarning)
        answers = str(tmp_path / "answers.csv")
        assert (
            main(["predict", str(tmp_path / "run"), str(tmp_path / "t.parquet"), "-o", answers])
            == 0
        )
    assert "cell: cell 3 pictures that cannot be read (1 %, 1 % in training: row 17" in (
        capsys.readouterr().err
    )
