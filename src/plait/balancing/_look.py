"""One look at the gradients of several losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

from ._grads import rows
from ._graph import Graph
from ._heads import at_edges, beginning
from ._numbers import count, inner, precision
from ._ranks import COLUMNS, sketch
from ._tables import Tables


@dataclass(frozen=True)
class Look:
    """The Gramian of some losses, and what is needed to tell how much of it is chance.

    Args:
        names: The tasks that were there.
        losses: Their losses.
        gramian: The inner products of their gradients.
        place: Where these were compared.
        over: The weights, where that was at weights: what two looks have in common can be
            compared.
        rows: Their gradients at these weights, or a sketch of them where they are long.
    """

    names: tuple[str, ...]
    losses: Float[Tensor, " tasks"]
    gramian: Float[Tensor, "tasks tasks"]
    place: Literal["features", "shared"]
    over: tuple[int, ...] = ()
    rows: Float[Tensor, "tasks numbers"] | None = None

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        losses: Mapping[str, Tensor],
        at: Literal["features", "shared", "auto"],
        features: Sequence[Tensor] | None,
        over: Sequence[Tensor] | None,
        owner: str,
    ) -> "Look":
        """Look; no ``.grad`` is touched, and the graph stays.

        Args:
            losses: A scalar for each task that is there.
            at: Where gradients are compared.
            features: What all heads begin with; None to find it.
            over: The shared weights; None for all.
            owner: Who asks.

        Raises:
            ConfigError: If nothing is shared, or heads do not begin in one place.
        """
        graph, all_of_them = Graph.of(list(losses.values())), list(losses.values())
        seeds = [loss.new_ones(()) for loss in all_of_them]
        numbers = torch.stack([loss.detach().reshape(()).double() for loss in all_of_them])
        known, nothing = tuple(losses), [[] for _ in losses]
        if at == "features" or (at == "auto" and graph.cut):
            edges = beginning(graph, features, known, owner)
            tables = Tables(range(len(known)), partial(_room, len(known)))
            at_edges(graph, all_of_them, seeds, edges, nothing, tables)
            tables.done()
            return cls(known, numbers, tables.gramian, "features")
        targets = list(over or graph.shared)
        if not targets:
            raise ConfigError(
                f"{owner} compares the gradients of weights that tasks share. No weight is "
                f"reached by two of the losses {list(known)}: there is nothing to balance."
            )
        width, kind = sum(count(leaf) for leaf in targets), precision(targets)
        table = _room(len(known), 0, width, targets[0], kind)
        rows(all_of_them, seeds, graph, targets, nothing, list(table), keep=True)
        kept = table if width <= COLUMNS else sketch(table, 0)
        return cls(
            known, numbers, _gramian(table), "shared", tuple(map(id, targets)), kept.double()
        )


def _room(tasks: int, place: int, numbers: int, like: Tensor, kind: torch.dtype) -> Tensor:
    return torch.empty(tasks, numbers, dtype=kind, device=like.device)


def _gramian(table: Tensor) -> Tensor:
    return inner(table)
