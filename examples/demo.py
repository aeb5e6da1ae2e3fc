"""Photo and title of a product in, five answers out: one model, beside five of scikit-learn.

`make demo` runs this. It needs no network and about a minute on two cores; answers and model
go to `runs/demo` below the current folder.
"""

import time
from pathlib import Path

import numpy as np
import pyarrow.csv
from PIL import Image
from scipy.sparse import csr_array, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score

import plait

PRODUCTS = Path(__file__).parent / "data" / "fashion" / "products.csv"
TARGETS = ["masterCategory", "subCategory", "articleType", "baseColour", "usage"]
RUN = Path("runs/demo")


def baseline(train: plait.Table, test: plait.Table) -> dict[str, list]:
    """What a careful afternoon with scikit-learn gives: words and pixels, a model per target."""

    def pixels(table: plait.Table) -> np.ndarray:
        paths = [PRODUCTS.parent / path for path in table["image"].to_pylist()]
        small = [np.asarray(Image.open(p).convert("RGB").resize((8, 8))) for p in paths]
        return np.stack(small).reshape(len(small), -1) / 255

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    middle = pixels(train).mean(0)
    # The share of the pixels (0.15) and C were chosen on the validation rows.
    seen, unseen = (
        hstack([text, csr_array(0.15 * (pixels(table) - middle))]).tocsr()
        for table, text in (
            (train, words.fit_transform(train["title"].to_pylist())),
            (test, words.transform(test["title"].to_pylist())),
        )
    )
    answers = {}
    for target in TARGETS:
        model = LogisticRegression(C=30, max_iter=1000, tol=1e-3).fit(
            seen, train[target].to_pylist()
        )
        answers[target] = model.predict(unseen).tolist()
    return answers


def main() -> None:
    """Train, compare, save."""
    products = plait.Table.of(PRODUCTS)
    train, valid, test = (products.where("split", part) for part in ("train", "val", "test"))
    print(f"{len(train):,} products to learn from, {len(test)} to be tested on.")
    print(f"In: photo and title. Out: {', '.join(TARGETS)}.\n")

    print("plait: one model for all five")
    learner = plait.Learner(targets=TARGETS)
    learner.fit(train, valid, progress=True)
    history = learner.history
    print(f"  kept the weights of epoch {history.best}, after {history.seconds:.0f} s")
    ours = learner.predict(test, keep=["product_id", "title"])

    print("\nbaseline: five models of scikit-learn, on the words of the title and 8 x 8 pixels")
    began = time.monotonic()
    theirs = baseline(train, test)
    print(f"  done after {time.monotonic() - began:.0f} s")

    print(f"\n{'on the test rows':18} {'metric':10} {'plait':>8} {'baseline':>10}")
    for target in TARGETS:
        truth = test[target].to_pylist()
        for metric, score in (
            ("accuracy", accuracy_score),
            ("f1_macro", lambda *both: f1_score(*both, average="macro", zero_division=0.0)),
        ):
            both = score(truth, ours[target].to_pylist()), score(truth, theirs[target])
            print(f"{target:18} {metric:10} {both[0]:8.3f} {both[1]:10.3f}")

    learner.save(RUN / "model", overwrite=True)
    pyarrow.csv.write_csv(ours.select(["product_id", "title", *TARGETS]), RUN / "answers.csv")
    print(f"\nThe answers are in {RUN / 'answers.csv'}, the model is in {RUN / 'model'}.")
    print("To try next:")
    print(f"  plait predict {RUN / 'model'} {PRODUCTS} -o {RUN / 'all.parquet'}")
    print("  empty some photos or titles in a copy of that file: it is answered all the same")


if __name__ == "__main__":
    main()
