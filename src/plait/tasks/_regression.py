"""A number, or a vector of numbers."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from pydantic import PositiveFloat
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional

from plait._errors import DataError
from plait.data import Masked, Note, Packed, Table
from plait.data._cells import is_list, numbers, vectors

from ._base import STRICT, Task, skill
from ._scale import Scale

SMALLEST = float(np.finfo(np.float64).tiny)
"""Smaller numbers are as good as zero: one over them is infinite."""


@dataclass(frozen=True, config=STRICT)
class Regression(Task):
    """A numeric target, learned in standard units and answered in its own.

    The column holds one number a row, or a list of numbers of one length (a vector target).

    Use ``error="squared"`` for the mean, ``"absolute"`` for the median, ``"huber"`` for a mean
    that strays do not move. Use ``log=True`` where errors matter in proportion (prices, counts);
    the target must then be above zero (or, with zeros in it, not below: its log is taken of one
    more).

    Args:
        error: What is made small.
        log: Whether to learn the logarithm; None decides by the labels: it is taken where all are
            above zero and their skewness is above 1 and at least halved by it.
        delta: Where the Huber error turns from square to straight, in standard deviations.
        scale: How the labels were scaled, found by :meth:`fit`: whether their logarithm is taken,
            of how much more, and the mean and standard deviation of each entry after that.

    Raises:
        DataError: From :meth:`fit`, if no label is a number, or ``log=True`` and one is negative.

    Example:
        >>> table = Table.of({"price": [100.0, None, 300.0]})
        >>> price = Regression(column="price", log=False).fit(table)
        >>> price.pack(table).cells.mask.tolist()
        [True, False, True]
        >>> price.decode(torch.zeros(1, 1))["price"].to_pylist()
        [200.0]
    """

    error: Literal["squared", "absolute", "huber"] = "squared"
    log: bool | None = None
    delta: PositiveFloat = 1.0
    scale: Scale | None = None

    def fit(self, table: Table) -> "Regression":
        """A copy that knows the mean and the spread of the labels."""
        matrix, there, _, vector = self._read(table)
        known = matrix[there]
        if not known.size:
            raise self.unlabeled()
        low = float(known.min())
        log = _skewed(known) if self.log is None and not vector else bool(self.log)
        if log and low < 0:
            raise DataError(
                f"The target {self.column!r} should not be negative for `log=True`. Found "
                f"{low:g}. Use `log=False`."
            )
        shift = 1.0 if log and low == 0 else 0.0
        if log:
            known = np.log(known + shift)
        mean, std = _moments(known)
        middle = self._middle((known - mean) / std)
        columns = (tuple(part.tolist()) for part in (mean, std, middle))
        mean, std, middle = columns
        return replace(self, scale=Scale(log, shift, mean, std, vector, middle))

    def _middle(self, known: np.ndarray) -> np.ndarray:
        if self.error == "squared":
            return np.zeros(known.shape[1])
        if self.error == "absolute":
            return np.median(known, 0)
        # The slope of the Huber error rises with the answer: halve until it is level.
        low, high = known.min(0), known.max(0)
        for _ in range(60):
            middle = (low + high) / 2
            above = np.clip(known - middle, -self.delta, self.delta).sum(0) > 0
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        return (low + high) / 2

    def pack(self, table: Table) -> Packed:
        """Standardized labels: float32 ``[rows, entries]``, mask ``[rows]``."""
        scale = self._scale()
        matrix, there, lost, vector = self._read(table)
        if not there.any():
            matrix, vector = np.zeros((len(there), len(scale.mean))), scale.vector
        if vector != scale.vector or matrix.shape[1] != len(scale.mean):
            raise DataError(
                f"The target {self.column!r} should hold {len(scale.mean)} number(s) a row, as in "
                f"training. Found {matrix.shape[1]}. Mend the column, or leave it "
                "out of this table."
            )
        if scale.log:
            below = there & (matrix + scale.shift <= 0).any(1)
            there, lost = there & ~below, lost + int(below.sum())
            matrix = np.log(np.where(there[:, None], matrix + scale.shift, 1.0))
        scaled = (matrix - np.array(scale.mean)) / np.array(scale.std)
        scaled = np.where(there[:, None], scaled, 0).astype(np.float32)
        empty = len(there) - int(there.sum()) - lost
        notes = [Note(self.column, "without a label", empty)] if empty else []
        notes += [Note(self.column, "labels that cannot be used", lost)] if lost else []
        return Packed(Masked(torch.from_numpy(scaled), torch.from_numpy(there)), tuple(notes))

    @property
    def outputs(self) -> int:
        """One for each entry."""
        return len(self._scale().mean)

    def start(self) -> Float[Tensor, " outputs"]:
        """The mean; the median for the absolute error, and what lies between for Huber's."""
        return torch.tensor(self._scale().middle, dtype=torch.float32)

    def errors(self, output: Tensor, values: Tensor) -> Float[Tensor, " batch"]:
        """The chosen error, averaged over the entries."""
        match self.error:
            case "squared":
                errors = (output - values).square()
            case "absolute":
                errors = (output - values).abs()
            case "huber":
                errors = functional.huber_loss(output, values, reduction="none", delta=self.delta)
        return errors.mean(1)

    def decode(self, output: Float[Tensor, "rows outputs"]) -> dict[str, pa.Array]:
        """In the units of the table."""
        values = self._units(output)
        if not self._scale().vector:
            return {self.column: pa.array(values[:, 0])}
        entries = pa.array(values.reshape(-1))
        return {self.column: pa.FixedSizeListArray.from_arrays(entries, values.shape[1])}

    def metrics(self, output: Float[Tensor, "rows outputs"], target: Masked) -> dict[str, float]:
        """R2, mean absolute error, root of the mean squared error and mean share of error."""
        from sklearn import metrics

        truth = self._units(target.values[target.mask])
        guess = self._units(output[target.mask])
        scores = {
            "r2": metrics.r2_score(truth, guess) if len(truth) > 1 else math.nan,
            "mean_absolute_error": metrics.mean_absolute_error(truth, guess),
            "root_mean_squared_error": metrics.root_mean_squared_error(truth, guess),
        }
        if (truth != 0).all():
            scores["mean_absolute_percentage_error"] = metrics.mean_absolute_percentage_error(
                truth, guess
            )
        return {name: float(value) for name, value in scores.items()}

    def score(self, output: Float[Tensor, "rows outputs"], target: Masked) -> float:
        """The share of the error, against always saying the mean, that is gone."""
        truth, guess = target.values[target.mask], output[target.mask]
        if not len(truth):
            return 0.0
        if self.error == "huber":
            return skill(self, output, target)
        if self.error == "squared":
            spread = (truth - truth.mean(0)).square().mean()
            left = (truth - guess).square().mean()
        else:
            spread = (truth - truth.median(0).values).abs().mean()
            left = (truth - guess).abs().mean()
        # Labels that are all the same: their spread in training, which is one, is the measure.
        return float(1 - left / (spread if spread > 1e-12 else 1.0))

    def _read(self, table: Table) -> tuple[np.ndarray, np.ndarray, int, bool]:
        cells = table[self.column]
        if is_list(cells.type):
            matrix, there, wrong = vectors(cells, np.float64)
            return matrix, there, len(wrong), True
        values, lost = numbers(cells)
        return values[:, None], np.isfinite(values), lost, False

    def _scale(self) -> Scale:
        if self.scale is None:
            raise self.unfitted()
        return self.scale

    def _units(self, output: Tensor) -> np.ndarray:
        scale = self._scale()
        values = output.detach().double().cpu().numpy() * np.array(scale.std) + np.array(scale.mean)
        # A far-off log answer must not overflow into infinity.
        return np.exp(np.minimum(values, 700.0)) - scale.shift if scale.log else values


def _moments(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # In units of the largest, so that no square overflows or vanishes.
    size = np.abs(known).max(0)
    size[size < SMALLEST] = 1.0
    mean, std = (known / size).mean(0), (known / size).std(0)
    std[std < 1e-12] = 1 / size[std < 1e-12]
    return mean * size, std * size


def _skewed(labels: np.ndarray) -> bool:
    if labels.min() <= 0 or len(labels) < 3:
        return False
    plain, logarithmic = _skewness(labels / labels.max()), _skewness(np.log(labels))
    return plain > 1 and abs(logarithmic) < plain / 2


def _skewness(values: np.ndarray) -> float:
    centered = values - values.mean()
    return float((centered**3).mean() / max(float((centered**2).mean()) ** 1.5, 1e-300))
