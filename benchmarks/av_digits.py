"""Spoken and written digits, both made so noisy that neither is enough.

python -m benchmarks.av_digits --data FOLDER [--on valid|test] [--seed 0 1 2] [--how plain ...]

FOLDER holds `mnist_fashion` and `fsdd`, as `docs/benchmarks.md` describes them. Recordings and
pictures are split before they are paired, so that no recording is in two parts. One line of JSON a
model: accuracy from each subset of the inputs, and with half of the pictures or sounds missing.
"""

import argparse
import gzip
import io
import json
import time
import wave
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from PIL import Image as Pillow
from pyarrow import csv

from plait import Learner, Training

RATE = 8_000
PICTURES, SOUNDS = ("picture",), ("sound",)
HOW = {
    "plain": {},
    "picture": {"view": PICTURES},
    "sound": {"view": SOUNDS},
    "Auxiliary": {"modality_balancing": "Auxiliary"},
    "OGMGE": {"modality_balancing": "OGMGE"},
    "MMPareto": {"modality_balancing": "MMPareto"},
    "GradientBlending": {"modality_balancing": "GradientBlending"},
}


def digits(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 ``[count, 28, 28]`` and their labels."""
    images = gzip.decompress((folder / "mnist" / f"{name}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "mnist" / f"{name}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    return pixels, np.frombuffer(labels, np.uint8, offset=8)


def recordings(folder: Path) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Samples of each clip, its digit and its take."""
    table = csv.read_csv(folder / "labels.csv")
    clips = []
    with zipfile.ZipFile(folder / "recordings.zip") as archive:
        for name in table["file"].to_pylist():
            inside = name if name.startswith("recordings/") else f"recordings/{name}"
            with wave.open(io.BytesIO(archive.read(inside))) as file:
                clips.append(np.frombuffer(file.readframes(file.getnframes()), np.int16))
    return clips, table["digit"].to_numpy(), table["take"].to_numpy()


def noisy_picture(pixels: np.ndarray, spread: float, rng: np.random.Generator) -> bytes:
    """A picture under noise, as PNG."""
    shaken = pixels + rng.normal(0, spread, pixels.shape)
    file = io.BytesIO()
    Pillow.fromarray(shaken.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def noisy_sound(clip: np.ndarray, snr: float, rng: np.random.Generator) -> bytes:
    """A clip under noise of a given ratio in decibels, as WAV."""
    signal = clip.astype(np.float64)
    power = np.mean(signal**2) / 10 ** (snr / 10)
    shaken = signal + rng.normal(0, np.sqrt(power), len(signal))
    shaken *= 20_000 / np.abs(shaken).max()
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(shaken.astype(np.int16).tobytes())
    return file.getvalue()


def paired(data: Path, part: str, rows: int, spread: float, snr: float, seed: int) -> pa.Table:
    """Pairs of one digit: takes 0 to 4 are the test part, 5 to 9 validation, the rest training."""
    pixels, labels = digits(data / "mnist_fashion", "t10k" if part == "test" else "train")
    clips, spoken, takes = recordings(data / "fsdd")
    inside = {"test": takes < 5, "valid": (takes >= 5) & (takes < 10), "train": takes >= 10}[part]
    rng = np.random.default_rng([seed, {"train": 0, "valid": 1, "test": 2}[part]])
    # Validation pictures are the last ten thousand of the training file.
    pool = np.arange(len(labels))
    if part != "test":
        pool = pool[50_000:] if part == "valid" else pool[:50_000]
    columns: dict[str, list] = {"picture": [], "sound": [], "digit": []}
    for digit in np.arange(rows) % 10:
        image = rng.choice(pool[labels[pool] == digit])
        clip = rng.choice(np.flatnonzero(inside & (spoken == digit)))
        columns["picture"].append(noisy_picture(pixels[image], spread, rng))
        columns["sound"].append(noisy_sound(clips[clip], snr, rng))
        columns["digit"].append(f"d{digit}")
    return pa.table(columns)


def without(table: pa.Table, column: str, share: float, seed: int) -> pa.Table:
    """The table with a share of the cells of a column empty."""
    gone = np.random.default_rng(seed).random(len(table)) < share
    cells = [
        None if hole else cell for hole, cell in zip(gone, table[column].to_pylist(), strict=True)
    ]
    return table.set_column(table.column_names.index(column), column, pa.array(cells, pa.binary()))


def run(how: str, train: pa.Table, valid: pa.Table, test: pa.Table, seed: int, epochs: int) -> dict:
    """Fit one model, and what it scores."""
    inputs = {"picture": {"type": "Image", "flip": False}, "sound": "Audio"}
    training = Training(epochs=epochs, guard="off")
    learner = Learner(["digit"], inputs, seed=seed, training=training, cache=False, **HOW[how])
    began = time.perf_counter()
    learner.fit(train, valid)
    seconds = time.perf_counter() - began

    def accuracy(table: pa.Table, *drop: str) -> float:
        return round(float(learner.evaluate(table, drop=drop)["digit"]["accuracy"]), 4)

    return {
        "how": how,
        "seed": seed,
        "seconds": round(seconds, 1),
        "both": accuracy(test),
        "picture only": accuracy(test, "sound"),
        "sound only": accuracy(test, "picture"),
        "half of the pictures": accuracy(without(test, "picture", 0.5, seed)),
        "half of the sounds": accuracy(without(test, "sound", 0.5, seed + 1)),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--on", choices=["valid", "test"], default="valid")
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--how", nargs="+", choices=sorted(HOW), default=list(HOW))
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--spread", type=float, default=180.0, help="of the pictures' noise")
    parser.add_argument("--snr", type=float, default=-6.0, help="of the sounds, in decibels")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for seed in given.seed:
        make = {"spread": given.spread, "snr": given.snr, "seed": seed}
        train = paired(given.data, "train", given.rows, **make)
        valid = paired(given.data, "valid", 1_000, **make)
        test = valid if given.on == "valid" else paired(given.data, "test", 2_000, **make)
        for how in given.how:
            found = run(how, train, valid, test, seed, given.epochs)
            print(json.dumps({"on": given.on, **found}), flush=True)


if __name__ == "__main__":
    main()
