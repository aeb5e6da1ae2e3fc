"""Examples of every modality: a new member is met by its export, and adds its own here."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from plait.data import Masked, Packed, Ragged, Table
from plait.modalities import (
    Categorical,
    Datetime,
    Image,
    Modality,
    Numeric,
    Tags,
    Text,
    Vector,
)

EMPTY = 2
"""The row of which nothing is there, in all examples."""


def picture(number: int, mode: str = "RGB", size: tuple[int, int] = (20, 16)) -> bytes:
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).convert(mode).save(file, "PNG")
    return file.getvalue()


PICTURES = [picture(0), picture(1), None, picture(2), picture(3), picture(4)]
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
VECTORS = [[1.0, -2.0, 7.0], [2.0, 0.5, 7.0], None, [0.0, 1.0, 7.0], [5, 5, 7], [1, 2, 7]]

EXAMPLES: dict[str, list[tuple[Modality, dict]]] = {
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
    cells: Masked | Ragged = packed.cells
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
