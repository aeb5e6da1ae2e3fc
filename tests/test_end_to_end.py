import numpy as np
import pytest

from plait import Binary, Learner, Multiclass, MultiLabel, Ordinal, Regression, Training

ROWS = 700


def planted(seed: int) -> dict[str, list]:
    """Two targets of every type, all told by three inputs; a third of all cells is missing."""
    draw = np.random.default_rng(seed)
    a, b = draw.normal(size=(2, ROWS))
    city = draw.integers(0, 3, ROWS)
    columns: dict[str, list] = {
        "a": a.tolist(),
        "b": b.tolist(),
        "a2": (a + 0.1 * draw.normal(size=ROWS)).tolist(),
        "b2": (b + 0.1 * draw.normal(size=ROWS)).tolist(),
        "city": [("Ulm", "Bonn", "Kiel")[int(n)] for n in city],
        "town": [("u", "b", "k")[n] for n in city],
        "price": (3 * a + 100).tolist(),
        "pair": [[float(x), float(y)] for x, y in zip(a, b, strict=True)],
        "sold": (a + b > 0).tolist(),
        "kept": [("no", "yes")[int(n == 1)] for n in city],
        "view": [("sea", "lake", "road")[n] for n in city],
        "side": [("left", "mid", "right")[int(x > -0.5) + int(x > 0.5)] for x in a],
        "stars": [int(n) for n in np.clip(np.round(b + 3), 1, 5)],
        "grade": [int(n) for n in np.clip(np.round(2 * a + 4), 2, 6)],
        "tags": [["x"] * int(n > 0) + ["y"] * int(m > 0) for n, m in zip(a, b, strict=True)],
        "flags": [["first", "last"][: n + 1] if n < 2 else [] for n in city],
    }  # fmt: skip
    holes = draw.random((ROWS, len(columns))) < 1 / 3
    return {
        name: [None if holes[n, i] else cell for n, cell in enumerate(cells)]
        for i, (name, cells) in enumerate(columns.items())
    }


TARGETS = {
    "price": Regression(), "pair": Regression(), "sold": Binary(), "kept": Binary(),
    "view": Multiclass(), "side": Multiclass(), "stars": Ordinal(), "grade": Ordinal(),
    "tags": MultiLabel(), "flags": MultiLabel(),
}  # fmt: skip
LEAST = {
    "price": ("r2", 0.5), "pair": ("r2", 0.5), "sold": ("roc_auc", 0.8), "kept": ("roc_auc", 0.8),
    "view": ("accuracy", 0.7), "side": ("accuracy", 0.6),
    "stars": ("quadratic_weighted_kappa", 0.45), "grade": ("quadratic_weighted_kappa", 0.45),
    "tags": ("average_precision", 0.75), "flags": ("average_precision", 0.75),
}  # fmt: skip


@pytest.fixture(scope="module")
def found():
    training = Training(epochs=25, batch_size=64, learning_rate=5e-3, device="cpu")
    learner = Learner(TARGETS, width=16, training=training).fit(planted(0))
    return learner.evaluate(planted(1))


@pytest.mark.parametrize("target", TARGETS)
def test_two_targets_of_every_type_are_learned_with_a_third_of_all_cells_missing(found, target):
    metric, least = LEAST[target]
    assert found[target][metric] > least
    assert found[target][metric] > found.baselines[target][metric] + 0.1
    assert found[target]["rows"] < 0.75 * ROWS
