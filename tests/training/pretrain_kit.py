"""Rows for pre-training, and models that begin alike."""

import numpy as np
import torch

from plait import Model, Schema, Vector
from plait.training import Training

QUICK = Training(device="cpu", batch_size=16, learning_rate=5e-3)


def pairs(rows=192, seed=0) -> dict:
    """Two views of one hidden thing, and hardly a label."""
    draw = np.random.default_rng(seed)
    hidden = draw.normal(size=(rows, 4))
    one, two = draw.normal(size=(4, 10)), draw.normal(size=(4, 7))
    return {
        "one": [None if n % 9 == 4 else row for n, row in enumerate((hidden @ one).tolist())],
        "two": [
            None if n % 7 == 3 else row for n, row in enumerate(np.tanh(hidden @ two).tolist())
        ],
        "size": hidden[:, 0].tolist(),
        "y": [float(row[1]) if n % 8 == 0 else None for n, row in enumerate(hidden)],
    }


def fitted() -> Schema:
    """Two vectors, a number and a target."""
    return Schema.infer(pairs(), ["y"], {"one": Vector(), "two": Vector()}).fit(pairs())


def model_of(schema) -> Model:
    torch.manual_seed(1)
    return Model(schema, 16)


def weights(module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}
