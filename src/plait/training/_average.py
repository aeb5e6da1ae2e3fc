"""Weights that follow the trained ones."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim.swa_utils import AveragedModel

Pair = tuple[Tensor, Tensor]


class Average(AveragedModel):
    """The running average of a module, in a module of the same form.

    It starts as the weights themselves and slows down over its first steps, so that a short
    training is not held back by where it began: after ``n`` steps the share that is kept is
    ``min(share, (1 + n) / (10 + n))``. Buffers are copied. The values are those of torch's
    ``AveragedModel``, which copies weights that are frozen and looks for all of them by name at
    every step. Here a frozen weight is the same memory on both sides until :meth:`thaw`, so that
    a pretrained encoder that is not tuned costs nothing.

    Args:
        followed: The module; its parameters must stay the same objects, or :meth:`follow` be told.
        share: The share of the average that is kept at each step; with 0 it is a copy.

    Example:
        >>> module = nn.Linear(1, 1, bias=False)
        >>> average = Average(module, 0.9)
        >>> with torch.no_grad():
        ...     for value in (1.0, 2.0):
        ...         _ = module.weight.fill_(value)
        ...         average.update_parameters(module)
        >>> round(average.module.weight.item(), 3)  # a share of 2 / 11 is kept
        1.818
    """

    def __init__(self, followed: nn.Module, share: float) -> None:
        nn.Module.__init__(self)
        frozen = (weight for weight in followed.parameters() if not weight.requires_grad)
        shared = {id(weight): nn.Parameter(weight.detach(), False) for weight in frozen}
        self.module = deepcopy(followed, shared)
        self.register_buffer("n_averaged", torch.tensor(0, device="cpu"))
        self.share = share
        self.follow(followed)

    def follow(self, followed: nn.Module) -> None:
        """Take hold of the weights and buffers of both modules, as they are by now.

        Args:
            followed: The module; its parameters must stay the same objects from here on.
        """
        self.pairs: list[Pair] = list(
            zip(self.module.parameters(), followed.parameters(), strict=True)
        )
        # Where buffers are, and not which: a module may put another tensor in the place of one.
        self.places = [
            (averaged, current, name)
            for averaged, current in zip(self.module.modules(), followed.modules(), strict=True)
            for name, _ in current.named_buffers(recurse=False)
        ]
        self.seen: list[tuple[Tensor | None, int]] = [(None, 0)] * len(self.places)
        self.frozen = [pair for pair in self.pairs if not pair[1].requires_grad]
        self.moving = [pair for pair in self.pairs if pair[1].requires_grad]

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move towards the weights of the module that is followed."""
        steps = int(self.n_averaged)  # it lies on the processor
        if not steps:
            _copy(self.moving)
        else:
            keep = min(self.share, (1 + steps) / (10 + steps))
            for averaged, current in self._groups():
                torch._foreach_lerp_(averaged, current, 1 - keep)
        for place, (averaged, current, name) in enumerate(self.places):
            buffer = current.get_buffer(name)
            # The tables of a pretrained encoder never change: they are not copied at every step.
            if self._moved(place):
                averaged.get_buffer(name).copy_(buffer)
                self.seen[place] = (buffer, buffer._version)
        self.n_averaged += 1

    def changed(self) -> list[Tensor]:
        """The buffers of the module that is followed which are not what they were a step ago."""
        return [
            current.get_buffer(name)
            for place, (_, current, name) in enumerate(self.places)
            if self._moved(place)
        ]

    def _moved(self, place: int) -> bool:
        _, current, name = self.places[place]
        buffer, (known, version) = current.get_buffer(name), self.seen[place]
        # A norm over the batch is written to where PyTorch counts no change.
        unseen = isinstance(current, _NormBase) and current.training and current.track_running_stats
        return unseen or known is not buffer or version != buffer._version

    def thaw(self) -> None:
        """Give weights that are no longer frozen memory of their own; call it before each step."""
        warm = [pair for pair in self.frozen if pair[1].requires_grad]
        if warm:
            for averaged, current in warm:
                averaged.data = current.detach().clone()
            self.moving += warm
            self.frozen = [pair for pair in self.frozen if not pair[1].requires_grad]

    def copies(self) -> dict[str, Tensor]:
        """A copy of the averages, by name, but for weights that are not trained."""
        # What was frozen on the way is an average of what it was: only what both share stays out.
        shared = {id(weight) for weight, _ in self.frozen}
        named = self.module.named_parameters(remove_duplicate=False)
        still = {name for name, weight in named if id(weight) in shared}
        held = self.module.state_dict()
        return {name: value.detach().clone() for name, value in held.items() if name not in still}

    def _groups(self) -> list[tuple[list[Tensor], list[Tensor]]]:
        # Those that are sharded go apart: one call takes tensors of one kind.
        groups: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
        for averaged, current in self.moving:
            there, here = groups.setdefault((averaged.dtype, type(averaged.data)), ([], []))
            there.append(averaged)
            here.append(current)
        return list(groups.values())


def _copy(pairs: Sequence[Pair]) -> None:
    for averaged, current in pairs:
        averaged.copy_(current)
