"""One of several classes that stand in an order."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import logsigmoid

from plait._errors import DataError, listing
from plait.data import Masked, Packed, Table

from ._base import STRICT, Task, skill
from ._labels import (
    Names,
    answers,
    at_least_two,
    castable,
    classes_of,
    codes_of,
    each_once,
    kind_of,
    label_notes,
    shares,
)


@dataclass(frozen=True, config=STRICT)
class Ordinal(Task):
    """A target of classes in an order: grades, stages, stars.

    The head answers a row of yes-no questions, "is it above this class, given that it reaches it",
    whose product gives probabilities that always fit together. The answer is the median class.

    Use :class:`~plait.tasks.Regression` if the distances between the classes mean something, and
    :class:`~plait.tasks.Multiclass` if their order does not.

    Args:
        order: The classes from low to high; left out, numbers in their order and names in theirs.
        classes: The classes in order, found by :meth:`fit`.
        frequencies: The share of each class in training, found by :meth:`fit`.
        kind: The form of the labels, found by :meth:`fit`.

    Raises:
        DataError: From :meth:`fit`, if there is one class only, or a label is not in ``order``.

    Source:
        Shi, Cao and Raschka, *Deep Neural Networks for Rank-Consistent Ordinal Regression Based On
        Conditional Probabilities* (CORN), 2021 (arXiv 2111.08851), section 3.3; here the error of
        a row is the sum over the questions it takes part in (its exact negative log-likelihood),
        where the paper averages over all questions of all rows. Known before as the
        continuation-ratio model.

    Example:
        >>> table = Table.of({"stars": [1, 3, 2, None, 3]})
        >>> stars = Ordinal(column="stars").fit(table)
        >>> answer = stars.decode(torch.tensor([[9.0, 9.0], [-9.0, 0.0]]))
        >>> answer["stars"].to_pylist()
        [3, 1]
    """

    order: Names = ()
    classes: tuple[str, ...] = ()
    frequencies: tuple[float, ...] = ()
    kind: str = "text"

    def fit(self, table: Table) -> "Ordinal":
        """A copy that knows the classes and how frequent each is."""
        cells = table[self.column]
        kind = kind_of(cells)
        found = classes_of(cells, kind)
        if not found:
            raise self.unlabeled()
        at_least_two(found, self.column)
        strange = [name for name in found if self.order and name not in self.order]
        if strange:
            raise DataError(
                f"The labels of {self.column!r} should be among `order` {list(self.order)}. "
                f"Found {listing(strange)}."
            )
        classes = self.order or found
        each_once(classes, self.column)
        if kind != "text" and any(name not in found for name in classes):
            kind = castable(kind, classes)
        codes, known, _ = codes_of(cells, classes)
        counts = np.bincount(codes[known], minlength=len(classes))
        frequencies = tuple((counts / counts.sum()).tolist())
        return replace(self, classes=classes, frequencies=frequencies, kind=kind)

    def pack(self, table: Table) -> Packed:
        """Places in the order: int64 ``[rows]``, mask ``[rows]``."""
        if not self.classes:
            raise self.unfitted()
        codes, known, unknown = codes_of(table[self.column], self.classes)
        empty = len(known) - int(known.sum()) - len(unknown)
        notes = label_notes(self.column, empty, unknown)
        return Packed(Masked(torch.from_numpy(codes), torch.from_numpy(known)), tuple(notes))

    @property
    def outputs(self) -> int:
        """One question between each class and the next."""
        return len(self.classes) - 1

    def start(self) -> Float[Tensor, " outputs"]:
        """The log-odds of going on from each class, in training."""
        share = torch.tensor(self.frequencies, dtype=torch.float64).clamp(min=1e-6)
        above = share.flip(0).cumsum(0).flip(0)[1:]
        return (above / share[:-1]).log().float()

    def errors(self, output: Tensor, values: Tensor) -> Float[Tensor, " batch"]:
        """The negative logarithm of the probability of the row's class."""
        return -self._logs(output).gather(1, values.unsqueeze(1)).squeeze(1)

    def _logs(self, output: Tensor) -> Float[Tensor, "batch classes"]:
        none = torch.zeros_like(output[:, :1])
        reached = torch.cat([none, logsigmoid(output).cumsum(1)], 1)
        stays = torch.cat([logsigmoid(-output), none], 1)
        return reached + stays

    def decode(self, output: Float[Tensor, "rows outputs"]) -> dict[str, pa.Array]:
        """The median class, and the probability of each."""
        probabilities = self._logs(output.detach().double()).exp().cpu().numpy()
        return {
            self.column: answers(self._median(probabilities), self.classes, self.kind),
            f"{self.column}_probabilities": shares(probabilities, self.classes),
        }

    @staticmethod
    def _median(probabilities: np.ndarray) -> np.ndarray:
        below = probabilities.cumsum(1)[:, :-1] < 0.5
        return below.sum(1)

    def metrics(self, output: Float[Tensor, "rows outputs"], target: Masked) -> dict[str, float]:
        """Quadratic weighted kappa, accuracy, mean error in classes and log loss."""
        from sklearn import metrics

        truth = target.values[target.mask].cpu().numpy()
        logs = self._logs(output[target.mask].double()).cpu()
        guess = self._median(logs.exp().numpy())
        spread = len(set(truth.tolist()) | set(guess.tolist())) > 1
        kappa = math.nan
        if spread:
            # The distance between two classes is that in the whole order, whichever occur here.
            every = list(range(len(self.classes)))
            kappa = metrics.cohen_kappa_score(truth, guess, labels=every, weights="quadratic")
        return {
            "quadratic_weighted_kappa": float(kappa),
            "accuracy": float(metrics.accuracy_score(truth, guess)),
            "mean_absolute_error": float(metrics.mean_absolute_error(truth, guess)),
            "log_loss": float(-logs.gather(1, torch.from_numpy(truth)[:, None]).mean()),
        }

    def score(self, output: Float[Tensor, "rows outputs"], target: Masked) -> float:
        """The share of the log loss, against always giving the shares of training, that is gone."""
        return skill(self, output, target)
