"""One of several classes."""

import math
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import cross_entropy

from plait._errors import DataError, suggestion
from plait.data import Masked, Packed, Table
from plait.data._cells import is_list, texts

from ._base import STRICT, Task
from ._labels import (
    Names,
    Weights,
    answers,
    at_least_two,
    classes_of,
    codes_of,
    each_once,
    kind_of,
    label_notes,
    shares,
)
from ._soft import soft_labels


@dataclass(frozen=True, config=STRICT)
class Multiclass(Task):
    """A target of one class among several; the answer is the likeliest, with all probabilities.

    The column holds a class a row, or *soft labels*: a list of probabilities a row, one for each
    class, which must not be negative and must add up to 1.

    Use :class:`~plait.tasks.Ordinal` if the classes stand in an order, and
    :class:`~plait.tasks.MultiLabel` if a row can have several.

    Args:
        smoothing: How much of each label is spread evenly over all classes.
        class_weights: How much an error on each class counts; ``"balanced"`` weighs a class by one
            over its frequency. Scaled so that their mean over the training rows is one.
        names: Names of the classes of soft labels; left out, they are numbered from 0.
        classes: The classes, found by :meth:`fit`.
        frequencies: The share of each class in training, found by :meth:`fit`.
        kind: The form of the labels, found by :meth:`fit`: ``"soft"`` or that of a class.

    Raises:
        DataError: From :meth:`fit` and :meth:`pack`, if there is one class only, or soft labels
            are no probabilities; the rows are named.

    Example:
        >>> table = Table.of({"size": ["S", "M", None, "S"]})
        >>> size = Multiclass(column="size").fit(table)
        >>> size.classes, size.pack(table).cells.values.tolist()
        (('M', 'S'), [1, 0, 0, 1])
        >>> size.decode(torch.tensor([[0.0, 2.0]]))["size"].to_pylist()
        ['S']
    """

    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["balanced"] | Weights | None = None
    names: Names = ()
    classes: tuple[str, ...] = ()
    frequencies: tuple[float, ...] = ()
    kind: str = ""

    def fit(self, table: Table) -> "Multiclass":
        """A copy that knows the classes and how frequent each is."""
        cells = table[self.column]
        if is_list(cells.type):
            numbers = table.numbers(np.arange(len(table)))
            matrix, there = soft_labels(cells, self.column, len(self.names), numbers)
            if not there.any():
                raise self.unlabeled()
            known = self.names or tuple(str(place) for place in range(matrix.shape[1]))
            kind, frequencies = "soft", matrix[there].mean(0)
        else:
            kind = kind_of(cells)
            known = classes_of(cells, kind)
            if not known:
                raise self.unlabeled()
            codes, there, _ = codes_of(cells, known)
            frequencies = np.bincount(codes[there], minlength=len(known)) / there.sum()
        at_least_two(known, self.column)
        each_once(known, self.column)
        self._check_weights(known)
        return replace(self, classes=known, frequencies=tuple(frequencies.tolist()), kind=kind)

    def _check_weights(self, known: tuple[str, ...]) -> None:
        if isinstance(self.class_weights, dict):
            for name in self.class_weights:
                if name not in known:
                    raise DataError(
                        f"`class_weights` of {self.column!r} should name its classes. Got "
                        f"{name!r}.{suggestion(name, known)}"
                    )

    def pack(self, table: Table) -> Packed:
        """Places of classes int64 ``[rows]``, or probabilities float32 ``[rows, classes]``.

        A label whose class training has not seen takes the place behind the last: no answer can
        be right, and it teaches nothing.
        """
        if not self.classes:
            raise self.unfitted()
        cells = table[self.column]
        empty = cells.null_count == len(cells) or (
            not is_list(cells.type) and texts(cells).null_count == len(cells)
        )
        if not empty and is_list(cells.type) != (self.kind == "soft"):
            raise DataError(
                f"The target {self.column!r} should hold {self.kind} labels, as in training. "
                f"Found {cells.type}."
            )
        unknown = None
        if self.kind == "soft":
            if empty:
                cells = pa.nulls(len(cells), pa.large_list(pa.float32()))
            numbers = table.numbers(np.arange(len(table)))
            matrix, there = soft_labels(cells, self.column, len(self.classes), numbers)
            values = torch.from_numpy(matrix)
        else:
            codes, known, unknown = codes_of(cells, self.classes)
            there = known.copy()
            if len(unknown):
                there |= pc.is_in(texts(cells), value_set=unknown).to_numpy(zero_copy_only=False)
                codes = np.where(known, codes, np.where(there, len(self.classes), 0))
            values = torch.from_numpy(codes)
        notes = label_notes(self.column, int((~there).sum()), unknown)
        return Packed(Masked(values, torch.from_numpy(there)), tuple(notes))

    @property
    def outputs(self) -> int:
        """One for each class."""
        return len(self.classes)

    def start(self) -> Float[Tensor, " outputs"]:
        """The logarithm of each class's share in training, after weights and smoothing."""
        share = torch.tensor(self.frequencies)
        share = share * (1 - self.smoothing) + self.smoothing / self.outputs
        weights = self._weights(share)
        return (share if weights is None else share * weights).clamp(min=1e-6).log()

    def errors(self, output: Tensor, values: Tensor) -> Float[Tensor, " batch"]:
        """Cross-entropy, row by row."""
        weights = self._weights(output)
        if values.ndim == 1:
            return cross_entropy(
                output,
                values,
                weight=weights,
                label_smoothing=self.smoothing,
                ignore_index=self.outputs,
                reduction="none",
            )
        return cross_entropy(
            output, values, weight=weights, label_smoothing=self.smoothing, reduction="none"
        )

    def _weights(self, output: Tensor) -> Tensor | None:
        if self.class_weights is None:
            return None
        share = torch.tensor(self.frequencies)
        if self.class_weights == "balanced":
            weights = 1 / share.clamp(min=1e-6)
        else:
            given = [self.class_weights.get(name, 1.0) for name in self.classes]
            weights = torch.tensor(given)
        return (weights / (weights * share).sum()).to(output)

    def decode(self, output: Float[Tensor, "rows outputs"]) -> dict[str, pa.Array]:
        """The likeliest class, and the probability of each."""
        probabilities = output.detach().double().softmax(1).cpu().numpy()
        kind = "whole" if self.kind == "soft" and not self.names else self.kind
        return {
            self.column: answers(
                probabilities.argmax(1), self.classes, "text" if kind == "soft" else kind
            ),
            f"{self.column}_probabilities": shares(probabilities, self.classes),
        }

    def metrics(self, output: Float[Tensor, "rows outputs"], target: Masked) -> dict[str, float]:
        """Accuracy, macro F1 and log loss; soft labels count as their likeliest class.

        The log loss leaves out labels of classes that training has not seen.
        """
        from sklearn import metrics

        values, logits = target.values[target.mask].cpu(), output[target.mask].double().cpu()
        truth = values if values.ndim == 1 else values.argmax(1)
        guess = logits.argmax(1)
        known = truth < self.outputs
        loss = -logits.log_softmax(1)[known]
        if values.ndim == 1:
            loss = loss.gather(1, truth[known].unsqueeze(1))
        else:
            loss = (loss * values).sum(1)
        return {
            "accuracy": float(metrics.accuracy_score(truth, guess)),
            "f1_macro": float(metrics.f1_score(truth, guess, average="macro", zero_division=0.0)),
            "log_loss": float(loss.mean()) if known.any() else math.nan,
        }

    def score(self, output: Float[Tensor, "rows outputs"], target: Masked) -> float:
        """The share of wrong answers, against always giving the commonest class, that is gone."""
        values, guess = target.values[target.mask], output[target.mask].argmax(1)
        truth = values if values.ndim == 1 else values.argmax(1)
        if not len(truth):
            return 0.0
        right = (guess == truth).double().mean()
        blind = (truth == self.start().argmax()).double().mean()
        # Where the commonest class is the only one there, nothing can be gained on it.
        return float(1 - (1 - right) / (1 - blind)) if blind < 1 else 0.0
