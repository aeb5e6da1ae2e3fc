"""Two inputs and two tasks at once; a third of the labels and of the photos is missing."""

import numpy as np

import plait

rng = np.random.default_rng(0)
truth = rng.normal(size=(600, 4))  # what nobody sees
kind = (truth[:, 0] > 0).astype(int) + (truth[:, 1] > 0)


def holes(values: np.ndarray) -> list:
    """The same cells, with every third one or so left empty."""
    return [None if rng.random() < 1 / 3 else value for value in values]


table = {
    "photo": holes(truth @ rng.normal(size=(4, 100)) + 2 * rng.normal(size=(600, 100))),
    "title": list(truth @ rng.normal(size=(4, 50)) + 2 * rng.normal(size=(600, 50))),
    "price": holes(100 + 20 * truth[:, 2] + 5 * truth[:, 0]),
    "kind": holes(np.array(["low", "middle", "high"])[kind]),
}
train = {name: cells[:400] for name, cells in table.items()}
new = {name: cells[400:] for name, cells in table.items()}

learner = plait.Learner(
    targets={"price": plait.Regression(), "kind": plait.Ordinal(order=("low", "middle", "high"))},
    training=plait.Training(epochs=20),
).fit(train)
print(learner.evaluate(new))
print(*learner.notes, sep="\n")

row = next(row for row, photo in enumerate(new["photo"]) if photo is not None)
twice = {"photo": [new["photo"][row], None], "title": [new["title"][row]] * 2}
answers = learner.predict(twice)
for place, photo in enumerate(["with its photo", "without it"]):
    print(f"A row {photo}: {answers['kind'][place]}, {answers['price'][place]:.0f}")
