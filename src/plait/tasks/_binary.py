"""Yes or no."""

import math
from dataclasses import replace
from typing import Annotated

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from plait._errors import DataError, listing
from plait.data import Masked, Packed, Table

from ._base import STRICT, Task
from ._labels import answers, at_least_two, classes_of, codes_of, kind_of, label_notes

POSITIVE = ("1", "true", "yes", "y", "t", "positive", "pos")


@dataclass(frozen=True, config=STRICT)
class Binary(Task):
    """A target of two classes; the answer is one of them, with the probability of the positive.

    Args:
        positive: The class whose probability is given. Left out, it is the one that says yes
            (1, true, yes, ...), else the last in order.
        positive_weight: How much an error on a positive row counts beside one on a negative.
            The weights are scaled so that their mean over the training rows is one.
        smoothing: How much of each label is given to the other class.
        classes: The negative and the positive class, found by :meth:`fit`.
        share: The share of the positive class in training, found by :meth:`fit`.
        kind: The form of the labels, found by :meth:`fit`.

    Raises:
        DataError: From :meth:`fit`, if the labels are not of two classes.

    Example:
        >>> table = Table.of({"sold": ["yes", "no", None, "yes"]})
        >>> sold = Binary(column="sold").fit(table)
        >>> sold.classes
        ('no', 'yes')
        >>> answer = sold.decode(torch.zeros(1, 1))
        >>> answer["sold"].to_pylist(), answer["sold_probability"].to_pylist()
        (['yes'], [0.5])
    """

    positive: str | int | bool | None = None
    positive_weight: Annotated[float, Field(gt=0)] = 1.0
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    classes: tuple[str, str] | None = None
    share: float = 0.5
    kind: str = "text"

    def fit(self, table: Table) -> "Binary":
        """A copy that knows the two classes and how frequent the positive one is."""
        cells = table[self.column]
        kind = kind_of(cells)
        found = classes_of(cells, kind)
        if not found:
            raise self.unlabeled()
        at_least_two(found, self.column)
        if len(found) > 2:
            raise DataError(
                f"The target {self.column!r} should have two classes to be Binary. Found "
                f"{len(found)}: {listing(found)}. Use Multiclass, or mend the labels."
            )
        yes = self._positive(found)
        classes = (found[1 - found.index(yes)], yes)
        codes, known, _ = codes_of(cells, classes)
        return replace(self, classes=classes, share=float(codes[known].mean()), kind=kind)

    def _positive(self, found: tuple[str, ...]) -> str:
        if self.positive is None:
            return next((c for c in found if c.lower() in POSITIVE), found[-1])
        wanted = str(self.positive).lower()
        for each in found:
            if each.lower() == wanted:
                return each
        raise DataError(
            f"The positive class of {self.column!r} should be one of {listing(found)}. "
            f"Got positive={self.positive!r}."
        )

    def pack(self, table: Table) -> Packed:
        """Zeros and ones: float32 ``[rows, 1]``, mask ``[rows]``."""
        if self.classes is None:
            raise self.unfitted()
        codes, known, unknown = codes_of(table[self.column], self.classes)
        empty = len(known) - int(known.sum()) - len(unknown)
        notes = label_notes(self.column, empty, unknown)
        values = torch.from_numpy(codes.astype(np.float32)[:, None])
        return Packed(Masked(values, torch.from_numpy(known)), tuple(notes))

    @property
    def outputs(self) -> int:
        """One: the log-odds of the positive class."""
        return 1

    def start(self) -> Float[Tensor, " outputs"]:
        """The log-odds in training, after weights and smoothing."""
        yes, no, low = self.share * self.positive_weight, 1 - self.share, self.smoothing / 2
        above, below = yes * (1 - low) + no * low, yes * low + no * (1 - low)
        return torch.tensor([math.log(above / below)])

    def errors(self, output: Tensor, values: Tensor) -> Float[Tensor, " batch"]:
        """Binary cross-entropy, row by row."""
        weights = torch.where(values[:, 0] > 0, self.positive_weight, 1.0)
        mean = self.share * self.positive_weight + 1 - self.share
        smooth = values * (1 - self.smoothing) + self.smoothing / 2
        errors = binary_cross_entropy_with_logits(output, smooth, reduction="none")
        return errors[:, 0] * weights / mean

    def decode(self, output: Float[Tensor, "rows outputs"]) -> dict[str, pa.Array]:
        """The likelier class, and the probability of the positive one."""
        if self.classes is None:
            raise self.unfitted()
        probability = output[:, 0].detach().double().sigmoid().cpu().numpy()
        codes = (probability >= 0.5).astype(np.int64)
        return {
            self.column: answers(codes, self.classes, self.kind),
            f"{self.column}_probability": pa.array(probability),
        }

    def metrics(self, output: Float[Tensor, "rows outputs"], target: Masked) -> dict[str, float]:
        """Area under the ROC curve, average precision, accuracy, F1 and log loss."""
        from sklearn import metrics

        truth = target.values[target.mask, 0].cpu().numpy()
        probability = output[target.mask, 0].double().sigmoid().cpu().numpy()
        guess = probability >= 0.5
        both = 0 < truth.sum() < len(truth)
        scores = {
            "roc_auc": metrics.roc_auc_score(truth, probability) if both else math.nan,
            "average_precision": metrics.average_precision_score(truth, probability)
            if both
            else math.nan,
            "accuracy": metrics.accuracy_score(truth, guess),
            "f1": metrics.f1_score(truth, guess, zero_division=0.0),
            "log_loss": metrics.log_loss(truth, probability, labels=[0, 1]),
        }
        return {name: float(value) for name, value in scores.items()}

    def score(self, output: Float[Tensor, "rows outputs"], target: Masked) -> float:
        """Twice the area under the ROC curve, less one; 0 where there is one class only."""
        from sklearn.metrics import roc_auc_score

        truth = target.values[target.mask, 0].cpu().numpy()
        if not 0 < truth.sum() < len(truth):
            return 0.0
        return float(2 * roc_auc_score(truth, output[target.mask, 0].float().cpu().numpy()) - 1)
