"""Data that is made up, but has something to learn in every column."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image as Pillow, ImageDraw

Columns = dict[str, pa.Array]
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
TARGETS = {"amount": "regression", "yes": "binary", "kind": "multiclass"}
COLORS = ((200, 40, 40), (40, 170, 60), (50, 70, 210), (220, 190, 40))


def numbers(rng: np.random.Generator, rows: int, count: int) -> tuple[Columns, np.ndarray]:
    """Columns of numbers, and what they say of three targets: ``[rows, 3]``."""
    values = rng.normal(size=(rows, count))
    values[:, ::4] = np.exp(values[:, ::4])  # some are skewed, as amounts are
    bent = np.sin(1.5 * values) + 0.5 * values * np.roll(values, 1, 1)
    signal = bent @ np.random.default_rng(1).normal(size=(count, 3)) / np.sqrt(count)
    return {f"n{i:02}": pa.array(values[:, i].round(5)) for i in range(count)}, signal


def categories(rng: np.random.Generator, rows: int, count: int) -> tuple[Columns, np.ndarray]:
    """Columns of names, 4 to about 500 different ones each, and what they say of the targets."""
    columns, signal = {}, np.zeros((rows, 3))
    for i in range(count):
        size = round(4 * 1.7**i)
        share = 1 / (np.arange(size) + 2)
        codes = rng.choice(size, rows, p=share / share.sum())
        names = pa.array([word(17 * k + i) for k in range(size)])
        columns[f"c{i:02}"] = names.take(pa.array(codes))
        weights = np.random.default_rng(100 + i).normal(size=(size, 3))
        signal += weights[codes] / np.sqrt(count)
    return columns, signal


def word(number: int) -> str:
    """A made-up word, another one for each number."""
    letters = SYLLABLES[number % len(SYLLABLES)]
    while number := number // len(SYLLABLES):
        letters += SYLLABLES[number % len(SYLLABLES)]
    return letters + "n"


def texts(
    rng: np.random.Generator, rows: int, mean: float = 40.0, sigma: float = 0.6, most: int = 2_000
) -> tuple[pa.Array, np.ndarray]:
    """Texts of log-normal lengths from 20,000 words of Zipf's shares, and what they say."""
    vocabulary = 20_000
    share = 1 / (np.arange(vocabulary) + 2.7)
    lengths = rng.lognormal(np.log(mean) - sigma**2 / 2, sigma, rows).round().astype(np.int64)
    lengths = lengths.clip(1, most)
    drawn = rng.choice(vocabulary, int(lengths.sum()), p=share / share.sum())
    weights = np.random.default_rng(2).normal(size=(vocabulary, 3))
    weights[:50] = 0  # the commonest words mean nothing
    ends = np.cumsum(lengths)
    total = np.add.reduceat(weights[drawn], ends - lengths)
    names = np.array([word(7 * k + 3) for k in range(vocabulary)], object)
    spoken = np.split(names[drawn], ends[:-1])
    return pa.array([" ".join(each) for each in spoken]), total / np.sqrt(lengths)[:, None]


def photos(rng: np.random.Generator, rows: int, folder: Path) -> tuple[pa.Array, np.ndarray]:
    """JPEGs of 200 x 200 with a shape on noise, as paths, and what they say."""
    home = folder / "images"
    home.mkdir(parents=True, exist_ok=True)
    colors, kinds = rng.integers(len(COLORS), size=rows), rng.integers(3, size=rows)
    sizes, paths = rng.integers(20, 70, size=rows), []
    first = len(list(home.iterdir()))
    for row in range(rows):
        noise = rng.integers(70, 186, (200, 200, 3), np.uint8)
        picture = Pillow.fromarray(noise)
        draw, half = ImageDraw.Draw(picture), int(sizes[row])
        x, y = rng.integers(half, 200 - half, 2).tolist()
        box, fill = (x - half, y - half, x + half, y + half), COLORS[colors[row]]
        if kinds[row] == 0:
            draw.ellipse(box, fill)
        elif kinds[row] == 1:
            draw.rectangle(box, fill)
        else:
            draw.polygon([(x, y - half), (x - half, y + half), (x + half, y + half)], fill)
        paths.append(f"images/{first + row:06}.jpg")
        picture.save(folder / paths[-1], quality=85)
    signal = np.stack([sizes / 15.0 - 3, colors - 1.5, kinds - 1.0], 1)
    return pa.array(paths), signal


def stamps(rng: np.random.Generator, rows: int, folder: Path) -> tuple[pa.Array, np.ndarray]:
    """Gray PNGs of 28 x 28 with a bright spot, as paths, and what they say."""
    home = folder / "images"
    home.mkdir(parents=True, exist_ok=True)
    place = rng.integers(6, 22, (rows, 2))
    steps, paths = np.arange(28), []
    first = len(list(home.iterdir()))
    for row in range(rows):
        far = (steps[:, None] - place[row, 0]) ** 2 + (steps - place[row, 1]) ** 2
        pixels = 200 * np.exp(-far / 12) + rng.uniform(0, 50, (28, 28))
        paths.append(f"images/{first + row:06}.png")
        Pillow.fromarray(pixels.astype(np.uint8)).save(folder / paths[-1])
    x, y = ((place - 13.5) / 4.6).T
    return pa.array(paths), np.stack([x, y, x * y], 1)


def labels(rng: np.random.Generator, signal: np.ndarray) -> Columns:
    """A number, a yes or no (1 or 0) and one of five classes, each with some noise."""
    told = signal / signal.std(0) + 0.4 * rng.normal(size=signal.shape)
    edges = np.array([-1.0, -0.3, 0.3, 1.0]) * told[:, 2].std()
    kinds = pa.array(["alpha", "beta", "gamma", "delta", "omega"])
    return {
        "amount": pa.array((100 + 20 * told[:, 0]).round(4)),
        "yes": pa.array((told[:, 1] > 0.3).astype(np.int64)),
        "kind": kinds.take(pa.array(np.digitize(told[:, 2], edges))),
    }


def table(rng: np.random.Generator, parts: Mapping[str, Callable[[], Any]]) -> pa.Table:
    """Columns and labels; a part gives many columns, or one that is called like the part."""
    columns: Columns = {}
    signals = []
    for name, make in parts.items():
        made, signal = make()
        columns |= made if isinstance(made, dict) else {name: made}
        signals.append(signal / max(signal.std(), 1e-9))
    return pa.table(columns | labels(rng, np.sum(signals, 0)))
