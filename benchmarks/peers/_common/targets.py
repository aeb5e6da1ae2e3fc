"""Several targets as one row of numbers, for peers whose network gives one vector per row."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from .protocol import Scenario


class Targets:
    """Where each target lies in the network's vector.

    A regression and a binary target take one place each, a multiclass target one for each class.
    Regression targets are standardized, or the largest would be all that is learned.

    Args:
        scenario: Names and kinds.
        train: The rows that means and classes are taken from.
    """

    def __init__(self, scenario: Scenario, train: pd.DataFrame) -> None:
        self.kinds = {
            name: kind
            for wanted in ("regression", "binary", "multiclass")
            for name, kind in scenario.targets.items()
            if kind == wanted
        }
        self.starts: dict[str, int] = {}
        self.classes: dict[str, list[str]] = {}
        self.scales: dict[str, tuple[float, float]] = {}
        self.size = 0
        for name, kind in self.kinds.items():
            self.starts[name] = self.size
            if kind == "multiclass":
                self.classes[name] = sorted(train[name].unique())
            if kind == "regression":
                self.scales[name] = float(train[name].mean()), float(train[name].std()) or 1.0
            self.size += len(self.classes.get(name, [""]))

    def block(self, name: str) -> slice:
        """The places of a target."""
        start = self.starts[name]
        return slice(start, start + len(self.classes.get(name, [""])))

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Labels as float32 ``[rows, size]``; of several classes only the first place counts."""
        labels = np.zeros((len(frame), self.size), np.float32)
        for name, kind in self.kinds.items():
            column = frame[name]
            if kind == "regression":
                mean, spread = self.scales[name]
                labels[:, self.starts[name]] = (column - mean) / spread
            elif kind == "binary":
                labels[:, self.starts[name]] = column.astype("float32")
            else:
                labels[:, self.starts[name]] = pd.Categorical(column, self.classes[name]).codes
        return labels

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The sum of every target's usual loss."""
        total = outputs.new_zeros(())
        for name, kind in self.kinds.items():
            given, wanted = outputs[:, self.block(name)], labels[:, self.starts[name]]
            if kind == "regression":
                total = total + F.mse_loss(given[:, 0], wanted)
            elif kind == "binary":
                total = total + F.binary_cross_entropy_with_logits(given[:, 0], wanted)
            else:
                total = total + F.cross_entropy(given, wanted.long())
        return total

    def decode(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Answers from the network's vectors."""
        answers = {}
        for name, kind in self.kinds.items():
            given = outputs[:, self.block(name)]
            if kind == "regression":
                mean, spread = self.scales[name]
                answers[name] = given[:, 0] * spread + mean
            elif kind == "binary":
                answers[name] = torch.from_numpy(given[:, 0]).sigmoid().numpy()
            else:
                answers[name] = np.array(self.classes[name], object)[given.argmax(1)]
        return answers
