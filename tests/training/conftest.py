import numpy as np
import pytest
import torch

from plait import Model, Numeric, Schema, Text, Vector
from plait.data import Pack
from plait.fusion import Mean
from plait.sharing import Bottom
from plait.training import Training

QUICK = Training(epochs=2, batch_size=16, learning_rate=5e-3, device="cpu")


def people(rows: int = 60, seed: int = 0) -> dict[str, list]:
    """Numbers and names with holes, and three targets whose labels are missing unevenly."""
    draw = np.random.default_rng(seed)
    size, age = draw.normal(size=rows), draw.normal(size=rows)
    city = draw.choice(["Ulm", "Bonn", "Kiel"], rows)
    holes = draw.random((rows, 3)) < 0.3
    return {
        "size": [None if hole else float(s) for s, hole in zip(size, holes[:, 0], strict=True)],
        "age": age.tolist(),
        "city": [None if hole else str(c) for c, hole in zip(city, holes[:, 1], strict=True)],
        "price": [
            None if hole else float(3 * s - a)
            for s, a, hole in zip(size, age, holes[:, 2], strict=True)
        ],
        # No label in the first part of the table.
        "sold": [None if n < rows // 3 else bool(size[n] > 0) for n in range(rows)],
        "view": [("sea", "lake", "road")[n % 3] if n % 2 else None for n in range(rows)],
    }


class Kit:
    """A fitted schema, a pack of all rows, and models that begin alike."""

    def __init__(self, table: dict, targets: list[str], inputs: dict | None = None) -> None:
        self.schema = Schema.infer(table, targets, inputs).fit(table)
        self.pack: Pack = self.schema.pack(table)

    def model(self, seed: int = 0, dropout: float = 0.0) -> Model:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            names = tuple(self.schema.tasks)
            sharing = Bottom(names, 8, layers=1, dropout=dropout)
            return Model(self.schema, 8, fusion=Mean, sharing=sharing)


@pytest.fixture
def kit() -> Kit:
    return Kit(people(), ["price", "sold", "view"])


@pytest.fixture
def words() -> Kit:
    table = people() | {
        "note": [None if n % 7 == 1 else f"a {'red' if n % 2 else 'blue'} bag {n % 5}" * (n % 3 + 1)
                 for n in range(60)],
        "clip": [[float(n % 3), 1.0] for n in range(60)],
    }  # fmt: skip
    wanted = {"note": Text(forget=0.3), "clip": Vector(), "age": Numeric()}
    return Kit(table, ["price", "sold"], wanted)
