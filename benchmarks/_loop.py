"""The hand-written loop: what a good engineer would write for the same model.

Tensors in memory, one permutation an epoch, one fused optimizer; no checks, no masks where nothing
is missing, no averaged weights, no validation.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from plait import Masked, Model, Schema
from plait.data import Pack, Ragged, Repeated

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Regression": functional.mse_loss,
    "Binary": functional.binary_cross_entropy_with_logits,
    "Multiclass": functional.cross_entropy,
}


@dataclass(frozen=True)
class Dense:
    """A column whose rows are all there, as the tensors of a loop.

    Args:
        values: ``[rows, ...]``; texts are padded to the longest of all.
        mask: Which are there, ``[rows, ...]``; for texts None.
        lengths: Of texts.
    """

    values: Tensor
    mask: Tensor | None = None
    lengths: Tensor | None = None

    def take(self, rows: Tensor) -> Masked:
        """A batch."""
        values = self.values.index_select(0, rows)
        if self.lengths is None:
            assert self.mask is not None, "a column without lengths has a mask"
            return Masked(values, self.mask.index_select(0, rows))
        lengths = self.lengths.index_select(0, rows)
        longest = max(1, int(lengths.max()))
        mask = torch.arange(longest) < lengths.unsqueeze(1)
        return Masked(values[:, :longest], mask)


def dense(cells: Masked | Ragged | Repeated) -> Dense:
    """The tensors of a packed column."""
    if isinstance(cells, Masked):
        return Dense(cells.values, cells.mask)
    assert isinstance(cells, Ragged), "a column as it was packed"
    whole = cells.take(torch.arange(len(cells)))
    return Dense(whole.values, lengths=cells.lengths)


@dataclass(frozen=True)
class Tensors:
    """Everything that the loop reads.

    Args:
        inputs: The columns.
        targets: The labels, all there.
        losses: The name of the loss of each target.
    """

    inputs: Mapping[str, Dense]
    targets: Mapping[str, Tensor]
    losses: Mapping[str, str]

    @classmethod
    def of(cls, schema: Schema, pack: Pack) -> "Tensors":
        """The same tensors as those of a pack, which has all labels."""
        assert all(labels.mask.all() for labels in pack.targets.values()), "a label is missing"
        return cls(
            {name: dense(cells) for name, cells in pack.inputs.items()},
            {name: cells.values for name, cells in pack.targets.items()},
            {name: type(task).__name__ for name, task in schema.tasks.items()},
        )

    def __len__(self) -> int:
        return len(next(iter(self.targets.values())))

    def batch(self, rows: Tensor) -> tuple[dict[str, Masked], dict[str, Tensor]]:
        """Some rows."""
        inputs = {name: column.take(rows) for name, column in self.inputs.items()}
        return inputs, {name: labels.index_select(0, rows) for name, labels in self.targets.items()}

    def batches(self, size: int, seed: int, epoch: int) -> Iterator[tuple[dict, dict]]:
        """An epoch in a random order."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed + epoch))
        for rows in order.split(size):
            yield self.batch(rows)


def train(
    model: nn.Module,
    batches: Callable[[int], Iterator[tuple[dict, dict]]],
    losses: Mapping[str, str],
    epochs: int,
    steps: int,
    learning_rate: float = 2e-3,
) -> None:
    """Train a model in place.

    Args:
        model: Whatever gives an output for each target.
        batches: From an epoch to its batches.
        losses: The name of the loss of each target.
        epochs: How many.
        steps: Of an epoch.
        learning_rate: At the start; it falls along a cosine.
    """
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, fused=True)
    done = 0
    for epoch in range(epochs):
        for inputs, targets in batches(epoch):
            rate = learning_rate * 0.5 * (1 + math.cos(math.pi * done / (epochs * steps)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            outputs = model(inputs)
            terms = [LOSSES[losses[name]](outputs[name], truth) for name, truth in targets.items()]
            optimizer.zero_grad()
            torch.stack(terms).sum().backward()
            optimizer.step()
            done += 1
    model.eval()


def fit(schema: Schema, tensors: Tensors, about: Mapping[str, int], seed: int = 0) -> Model:
    """A model of a schema, trained by the loop with a scenario's choices."""
    torch.manual_seed(seed)
    model = Model(schema, about["width"])
    size = about["batch_size"]
    train(
        model,
        lambda epoch: tensors.batches(size, seed, epoch),
        tensors.losses,
        about["epochs"],
        math.ceil(len(tensors) / size),
    )
    return model


@torch.no_grad()
def predict(model: Model, inputs: Mapping[str, Dense], rows: int) -> dict[str, Tensor]:
    """Outputs of all rows, in order."""
    model.eval()
    parts = [
        model({name: column.take(some) for name, column in inputs.items()})
        for some in torch.arange(rows).split(1024)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
