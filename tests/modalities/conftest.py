"""Examples of every modality: a new member is met by its export, and adds its own here."""

import io
import wave
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from plait.data import Bagged, Masked, Packed, Ragged, Table
from plait.modalities import (
    Audio,
    Bag,
    Categorical,
    Datetime,
    Geo,
    Image,
    Modality,
    Numeric,
    Series,
    Tags,
    Text,
    Vector,
    Video,
)

EMPTY = 2
"""The row of which nothing is there, in all examples."""


def picture(number: int, mode: str = "RGB", size: tuple[int, int] = (20, 16)) -> bytes:
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).convert(mode).save(file, "PNG")
    return file.getvalue()


def sound(number: int, samples: int, rate: int = 8000) -> bytes:
    rng = np.random.default_rng(number)
    tone = np.sin(np.arange(samples) * (0.1 + 0.2 * number)) + rng.normal(0, 0.3, samples)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate, 0, "NONE", ""))
        writer.writeframes((6000 * tone).astype("<i2").tobytes())
    return file.getvalue()


PICTURES = [picture(0), picture(1), None, picture(2), picture(3), picture(4)]
SOUNDS = [sound(0, 2000), sound(1, 1203), None, sound(2, 80), sound(3, 1601), sound(4, 2500)]
NUMBERS = {"x": [1.0, 2.5, None, 4.0, 5.5, 9.0], "y": [3, None, None, 5, 3, 1]}
NAMES = {"x": ["a", "b", None, "a", "c", "b"], "y": ["u", None, None, "v", "u", "v"]}
TAGS = ["a, b", "b", None, "c,a,d", "b, c", "a"]
DAYS = {
    "x": ["2024-01-31", "2023-02-01", None, "2024-07-09", "2020-12-31", "2024-03-01"],
    "y": ["01.02.2024", None, None, "13.02.2024", "05.06.2022", "05.12.2024"],
}
TEXTS = [
    "a red bag, and a red shoe", "A bag!", None, "the blue shoe and the red bag", "a shoe",
    "blue bag, blue bag, blue bag",
]  # fmt: skip
FRAMES = [PICTURES[:2], [PICTURES[3], None, PICTURES[4]], None, [PICTURES[5]], PICTURES[3:],
          [PICTURES[4], PICTURES[3]]]  # fmt: skip
NOTES = [TEXTS[:2], [TEXTS[3]], None, [TEXTS[4], None, TEXTS[5]], TEXTS[:4], [TEXTS[1], TEXTS[0]]]
PLACES = ["48.14, 11.58", "48.2,11.4", None, "(47.9 12.1)", "48.5; 11.9", "48.3, 11.0"]
VECTORS = [[1.0, -2.0, 7.0], [2.0, 0.5, 7.0], None, [0.0, 1.0, 7.0], [5, 5, 7], [1, 2, 7]]

CHARTS = [
    [
        {"time": time, "variable": name, "value": value, "when": -time * time, "what": name[:1],
         "size": value * value + time}
        for time, name, value in events
    ] if events else None
    for events in [
        [(0.0, "hr", 70.0), (1.0, "bp", 120.0), (1.0, "hr", 72.0), (3.0, "hr", 75.0),
         (9.0, "ht", 1.0)],
        [(2.0, "hr", 60.0), (1.0, "hr", 61.0), (5.0, "bp", 110.0), (8.0, "bp", 100.0)],
        None,
        [(0.5, "ht", 2.0), (0.5, "hr", 90.0), (4.0, "hr", 85.0), (4.0, "hr", 95.0),
         (5.0, "bp", 90.0), (6.0, "bp", 95.0), (8.5, "ht", 4.0)],
        [(0.0, "bp", 140.0), (2.5, "bp", 150.0), (7.0, "bp", 130.0), (8.0, "ht", 3.0),
         (9.5, "ht", 5.0), (9.5, "hr", 50.0)],
        [(7.0, "hr", 100.0), (9.0, "hr", 110.0), (7.5, "bp", 100.0), (8.0, "hr", 99.0)],
    ]
]  # fmt: skip
WAVES = {
    "x": [[1.0, 2.0, None, 4.0], [2.0, 1.0], None, [5.0], [0.5, 0.25, 3.0], [4.0, 1.0, 9.0]],
    "y": [[9, 7, 8], None, None, [1, 2, 3, 4], [5, 6, 6], [2, 4]],
}
FRAMED = [[[1.0, 5.0], [2.0, None], [3.0, 4.0]], [[4.0, 0.0]], None, [[2.0, 2.0], [1.0, 9.0]],
          [[7.0], [3.0, 1.0], [2.0, 2.0]], [[6.0, 4.0], [5.0, 2.0]]]  # fmt: skip

EXAMPLES: dict[str, list[tuple[Modality, dict]]] = {
    "Audio": [
        (Audio(columns=("x",)), {"x": SOUNDS}),
        (Audio(columns=("x",), mels=20, seconds=0.15, masks=3), {"x": SOUNDS}),
    ],
    "Bag": [
        (Bag(columns=("x",), of=Image()), {"x": FRAMES}),
        (
            Bag(columns=("x", "y"), of=Image(flip=False), pool="mean"),
            {"x": PICTURES, "y": PICTURES},
        ),
        (Bag(columns=("x",), of=Text(forget=0.3), pool="tokens"), {"x": NOTES}),
        (
            Bag(columns=("x",), of=Vector()),
            {
                "x": [
                    [[1.0, 2.0]],
                    [[2.0, 5.0], [0.5, 4.0]],
                    None,
                    [[9.0, 8.0], None],
                    [[1, 2]] * 3,
                    [[3, 3]],
                ]
            },
        ),
    ],
    "Categorical": [
        (Categorical(columns=("x", "y"), least=1), NAMES),
        (Categorical(columns=("x",), forget=0.5), {"x": [1, 2, None, 1, 3, 2]}),
    ],
    "Datetime": [
        (Datetime(columns=("x", "y")), DAYS),
        (
            Datetime(columns=("x",), format="%Y/%m"),
            {"x": ["2024/01", "2024/02", None, "2023/12", "2022/05", "2024/02"]},
        ),
    ],
    "Geo": [
        (Geo(columns=("x",)), {"x": PLACES}),
        (
            Geo(columns=("x", "y"), scales=2),
            {"x": [1.0, -2, None, 4, 80, 9], "y": [179, 181, None, -179.5, 350, 0.5]},
        ),
    ],
    "Image": [
        (Image(columns=("x",)), {"x": PICTURES}),
        (Image(columns=("x",), encoder="vit", size=24, shift=0.2), {"x": PICTURES}),
    ],
    "Numeric": [
        (Numeric(columns=("x", "y")), NUMBERS),
        (Numeric(columns=("x", "y"), scaling="quantile", bins=3), NUMBERS),
        (Numeric(columns=("x", "y"), embedding="periodic", bins=4), NUMBERS),
        (Numeric(columns=("x",), embedding="linear"), {"x": NUMBERS["x"]}),
    ],
    "Series": [
        (Series(columns=("x",), max_length=4, steps=6), {"x": CHARTS}),
        (Series(columns=("x", "y"), encoder="steps"), WAVES),
        (Series(columns=("x",), encoder="summary", parts=1, bins=3), {"x": FRAMED}),
    ],
    "Tags": [
        (Tags(columns=("x",), least=1), {"x": TAGS}),
        (Tags(columns=("x",)), {"x": [["a"], ["a", "b"], None, ["b", "a"], ["a", "z"], ["b"]]}),
    ],
    "Text": [
        (Text(columns=("x",), forget=0.2), {"x": TEXTS}),
        (Text(columns=("x",), encoder="transformer", max_length=20, forget=0.2), {"x": TEXTS}),
        (Text(columns=("x",), longest=0, max_length=3, forget=0.2), {"x": TEXTS}),
    ],
    "Vector": [(Vector(columns=("x",)), {"x": VECTORS})],
    "Video": [(Video(columns=("x",), frames=3), {"x": FRAMES})],
}


@dataclass(frozen=True, eq=False)
class Case:
    """A declaration and a table that it fits."""

    part: Modality
    columns: dict

    @property
    def table(self) -> Table:
        return Table.of(self.columns)

    def fitted(self) -> Modality:
        return self.part.fit(self.table)

    def batch(self, known: Modality, times: int = 1, *, present: bool = True) -> Masked:
        """The rows of which something is there, or all of them, several times over."""
        cells = known.pack(self.table).cells
        rows = cells.present.nonzero()[:, 0] if present else torch.arange(len(cells))
        return cells.take(rows.repeat(times))


def whole(packed: Packed) -> Masked:
    """All rows as one batch."""
    cells: Masked | Ragged | Bagged = packed.cells
    return cells.take(torch.arange(len(cells)))


@pytest.fixture
def examples():
    return EXAMPLES


@pytest.fixture
def empty() -> int:
    return EMPTY


@pytest.fixture(
    params=[
        pytest.param(Case(*each), id=f"{name}-{i}")
        for name, cases in EXAMPLES.items()
        for i, each in enumerate(cases)
    ]
)
def case(request) -> Case:
    return request.param


@pytest.fixture
def draw_picture():
    return picture


@pytest.fixture
def as_batch():
    return whole


@pytest.fixture
def make_case():
    return Case
