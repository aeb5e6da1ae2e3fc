"""Any number of several labels."""

import math
from dataclasses import replace
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from plait.data import Masked, Packed, Table
from plait.data._cells import is_list, lists

from ._base import STRICT, Task, skill
from ._labels import ORDERS, answers, kind_of, label_notes, shares


@dataclass(frozen=True, config=STRICT)
class MultiLabel(Task):
    """A target of any number of labels a row: a list in each cell, or text to be split.

    An empty list is a label (none of them applies); an empty cell is none.

    Args:
        separator: What stands between the labels where a cell is text.
        least: How often a label has to occur in training to be learned.
        threshold: The probability from which a label is part of the answer.
        classes: The labels, found by :meth:`fit`.
        frequencies: The share of rows that bear each label, found by :meth:`fit`.
        kind: The form of the labels, found by :meth:`fit`.

    Raises:
        DataError: From :meth:`fit`, if there is no label.

    Example:
        >>> table = Table.of({"genre": ["drama, war", "drama", None]})
        >>> genre = MultiLabel(column="genre").fit(table)
        >>> genre.classes, genre.pack(table).cells.values.tolist()
        (('drama', 'war'), [[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
        >>> genre.decode(torch.tensor([[2.0, -2.0]]))["genre"].to_pylist()
        [['drama']]
    """

    separator: Annotated[str, Field(min_length=1)] = ","
    least: PositiveInt = 1
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    classes: tuple[str, ...] = ()
    frequencies: tuple[float, ...] = ()
    kind: str = "text"

    def fit(self, table: Table) -> "MultiLabel":
        """A copy that knows the labels and how frequent each is."""
        cells = table[self.column]
        kind = kind_of(cells.flatten()) if is_list(cells.type) else "text"
        entries, _, there = lists(cells, self.separator)
        counts = entries.drop_null().value_counts()
        known = sorted(
            (item["values"] for item in counts.to_pylist() if item["counts"] >= self.least),
            key=ORDERS.get(kind, str),
        )
        if not known:
            raise self.unlabeled()
        named = replace(self, classes=tuple(known), kind=kind)
        packed = named.pack(table).cells
        assert isinstance(packed, Masked), "labels are packed dense"
        labels = packed.values[torch.from_numpy(there)]
        return replace(named, frequencies=tuple(labels.double().mean(0).tolist()))

    def pack(self, table: Table) -> Packed:
        """Zeros and ones: float32 ``[rows, labels]``, mask ``[rows]``."""
        if not self.classes:
            raise self.unfitted()
        entries, offsets, there = lists(table[self.column], self.separator)
        place = pc.index_in(entries, value_set=pa.array(self.classes, pa.large_string()))
        known = place.is_valid().to_numpy(zero_copy_only=False)
        rows = np.repeat(np.arange(len(there)), np.diff(offsets))[known]
        values = np.zeros((len(there), len(self.classes)), np.float32)
        values[rows, place.drop_null().to_numpy(zero_copy_only=False)] = 1
        unseen = entries.filter(pc.and_(place.is_null(), entries.is_valid()))
        notes = label_notes(self.column, int((~there).sum()), unseen)
        return Packed(Masked(torch.from_numpy(values), torch.from_numpy(there)), tuple(notes))

    @property
    def outputs(self) -> int:
        """One for each label: its log-odds."""
        return len(self.classes)

    def start(self) -> Float[Tensor, " outputs"]:
        """The log-odds of each label in training."""
        return torch.tensor(self.frequencies).clamp(1e-4, 1 - 1e-4).logit()

    def errors(self, output: Tensor, values: Tensor) -> Float[Tensor, " batch"]:
        """Binary cross-entropy, averaged over the labels."""
        return binary_cross_entropy_with_logits(output, values, reduction="none").mean(1)

    def decode(self, output: Float[Tensor, "rows outputs"]) -> dict[str, pa.Array]:
        """The labels at or above the threshold, and the probability of each."""
        probabilities = output.detach().double().sigmoid().cpu().numpy()
        chosen = probabilities >= self.threshold
        offsets = np.concatenate([[0], np.cumsum(chosen.sum(1))])
        names = answers(np.nonzero(chosen)[1], self.classes, self.kind)
        return {
            self.column: pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names),
            f"{self.column}_probabilities": shares(probabilities, self.classes),
        }

    def metrics(self, output: Float[Tensor, "rows outputs"], target: Masked) -> dict[str, float]:
        """Macro F1, micro F1, macro average precision and the share of rows wholly right."""
        from sklearn import metrics

        truth = target.values[target.mask].cpu().numpy()
        probability = output[target.mask].double().sigmoid().cpu().numpy()
        guess = (probability >= self.threshold).astype(np.float32)
        seen = truth.any(0)
        # scikit-learn takes a single label for two classes, and would score its absence too.
        macro, micro = ("macro", "micro") if len(self.classes) > 1 else ("binary", "binary")
        precision = (
            metrics.average_precision_score(
                # A look-up of columns lays them out one by one, which is six times slower.
                np.ascontiguousarray(truth[:, seen]),
                np.ascontiguousarray(probability[:, seen]),
            )
            if seen.any()
            else math.nan
        )
        return {
            "f1_macro": float(metrics.f1_score(truth, guess, average=macro, zero_division=0.0)),
            "f1_micro": float(metrics.f1_score(truth, guess, average=micro, zero_division=0.0)),
            "average_precision": float(precision),
            "accuracy": float((truth == guess).all(1).mean()),
        }

    def score(self, output: Float[Tensor, "rows outputs"], target: Masked) -> float:
        """The share of the loss, against always giving the shares of training, that is gone."""
        return skill(self, output, target)
