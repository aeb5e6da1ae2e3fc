"""The network: encoders, fusion, sharing, heads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import overload

import torch
from torch import Tensor, nn

from plait._errors import ConfigError
from plait.data import Kept, Masked
from plait.fusion import Attention, Fusion, Late
from plait.schema import Schema
from plait.sharing import Bottom, Sharing

from ._rows import Known, known, spread

View = tuple[str, ...]
"""The inputs that are shown, by name; all others are as if they were missing."""


class Model(nn.Module):
    """From the inputs of a batch to one raw output per task: a plain module, for any loop.

    Each encoder is run on the rows of which something is there, and on no other: an absent photo
    costs nothing and changes nothing. With ``views`` the same rows are answered several times,
    each time from some of the inputs, and every encoder is still run once: that is what an answer
    without the photo, the worth of an input and losses of single inputs are made of.

    Args:
        schema: A fitted schema.
        width: Size of a token, and of everything between encoders and heads.
        fusion: What makes one vector of all tokens: a module, or a class that is built with the
            names of the inputs and the width; left out, :class:`~plait.fusion.Attention`.
        sharing: What gives each task its features: a module, or a class that is built with the
            names of the tasks and the width; left out, :class:`~plait.sharing.Bottom`.
        view: The inputs that are looked at; left out, all. The others are never encoded.

    Shapes:
        - in: a mapping from each input to its :class:`~plait.data.Masked` cells.
        - out: for each task float ``[batch, outputs]``; with ``views`` that for each view.

    Raises:
        ConfigError: If ``fusion`` or ``sharing`` was made for other names or another width, or a
            view names an input that is not there.

    Example:
        >>> table = {"age": [30, 40, None], "bought": [True, None, False]}
        >>> schema = Schema.infer(table, targets=["bought"]).fit(table)
        >>> model = Model(schema, width=16).eval()
        >>> batch = schema.pack(table)[torch.tensor([0, 2])]
        >>> {name: list(output.shape) for name, output in model(batch.inputs).items()}
        {'bought': [2, 1]}
        >>> seen = model(batch.inputs, views=[("age",), ()])
        >>> torch.equal(seen["age",]["bought"][1], seen[()]["bought"][1])  # no age, either way
        True
    """

    def __init__(
        self,
        schema: Schema,
        width: int = 128,
        *,
        fusion: Fusion | type[Fusion] | None = None,
        sharing: Sharing | type[Sharing] | None = None,
        view: View | None = None,
    ) -> None:
        super().__init__()
        self.inputs, self.tasks = tuple(schema.inputs), tuple(schema.tasks)
        self.width = width
        self.view = self.inputs if view is None else self._checked(view)
        # Lists and not dicts of modules: a column may bear any name, "a.b" and "keys" included.
        self.encoders = nn.ModuleList(part.build(width) for part in schema.inputs.values())
        fusion = Attention if fusion is None else fusion
        sharing = Bottom if sharing is None else sharing
        self.fusion = fusion(self.inputs, width) if isinstance(fusion, type) else fusion
        self.sharing = sharing(self.tasks, width) if isinstance(sharing, type) else sharing
        _check_made_for("fusion", self.fusion.inputs, self.fusion.width, self.inputs, width)
        _check_made_for("sharing", self.sharing.tasks, self.sharing.width, self.tasks, width)
        self.heads = nn.ModuleList(task.head(width) for task in schema.tasks.values())
        self.sizes = [task.outputs for task in schema.tasks.values()]
        total = sum(self.sizes)
        found = {name: part.shortcut(total) for name, part in schema.inputs.items()}
        short = {name: module for name, module in found.items() if module is not None}
        self.short = tuple(short)
        self.shortcuts = nn.ModuleList(short.values())

    @overload
    def forward(self, inputs: Mapping[str, Masked]) -> dict[str, Tensor]: ...

    @overload
    def forward(
        self, inputs: Mapping[str, Masked], views: Collection[View]
    ) -> dict[View, dict[str, Tensor]]: ...

    def forward(
        self, inputs: Mapping[str, Masked], views: Collection[View] | None = None
    ) -> dict[str, Tensor] | dict[View, dict[str, Tensor]]:
        """One raw output per task, or one per view and task."""
        cells = self._known(inputs)
        tokens = self._tokens(cells)
        straight = self._straight(cells)
        if views is None:
            return self._answered(tokens, straight)
        return {view: self._seen(self._checked(view), tokens, straight) for view in views}

    def encode(self, inputs: Mapping[str, Masked]) -> dict[str, Masked]:
        """The tokens of each input, ``[batch, tokens, width]``, as the fusion sees them."""
        return self._tokens(self._known(inputs))

    def _known(self, inputs: Mapping[str, Masked]) -> dict[str, Known]:
        inputs = self._doubled(inputs)
        shown = [
            inputs[name] if name in self.view else _hidden(inputs[name]) for name in self.inputs
        ]
        return dict(zip(self.inputs, known(shown), strict=True))

    def _tokens(self, cells: Mapping[str, Known]) -> dict[str, Masked]:
        return {
            name: self._encoded(encode, cells[name])
            for name, encode in zip(self.inputs, self.encoders, strict=True)
        }

    def _encoded(self, encode: nn.Module, cells: Known) -> Masked:
        if cells.rows is None:
            return encode(cells.part)
        if not len(cells.part):
            return self._nothing(cells.count, cells.rows.device)
        tokens = encode(cells.part)
        values = spread(tokens.values, cells.rows, cells.count)
        return Masked(values, spread(tokens.mask, cells.rows, cells.count))

    def _nothing(self, count: int, device: torch.device) -> Masked:
        kind = next(self.heads.parameters()).dtype
        values = torch.zeros(count, 1, self.width, device=device, dtype=kind)
        return Masked(values, torch.zeros(count, 1, dtype=torch.bool, device=device))

    def _straight(self, cells: Mapping[str, Known]) -> dict[str, Tensor]:
        found = {}
        for name, module in zip(self.short, self.shortcuts, strict=True):
            part, rows, count = cells[name]
            if isinstance(part, Kept) and part.source is not None:
                part = part.source  # a shortcut reads what was packed
            if rows is None:
                found[name] = module(part)
            elif len(part):
                found[name] = spread(module(part), rows, count)
        return found

    def _seen(
        self, view: View, tokens: Mapping[str, Masked], straight: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        shown = {
            name: part if name in view else self._nothing(len(part.mask), part.mask.device)
            for name, part in tokens.items()
        }
        return self._answered(shown, {name: straight[name] for name in straight if name in view})

    def _answered(
        self, tokens: Mapping[str, Masked], straight: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        if isinstance(self.fusion, Late):
            total = self._late(self.fusion, tokens, straight)
        else:
            total = self._heads(self.fusion(tokens), [tokens[name] for name in self.inputs])
            if straight:
                total = total + sum(straight.values())
        return dict(zip(self.tasks, total.split(self.sizes, 1), strict=True))

    def _heads(self, features: Tensor, tokens: Sequence[Masked]) -> Tensor:
        shared = (
            self.sharing(features, side_by_side(tokens))
            if self.sharing.TOKENS
            else self.sharing(features)
        )
        heads = zip(self.tasks, self.heads, strict=True)
        return torch.cat([head(shared[name]) for name, head in heads], 1)

    def _late(
        self, fusion: Late, tokens: Mapping[str, Masked], straight: Mapping[str, Tensor]
    ) -> Tensor:
        vectors, there = fusion.apart(tokens)
        # The last vector stands for a row of which nothing is there, and has no tokens.
        nothing = self._nothing(len(vectors), vectors.device)
        answers = []
        for slot, name in enumerate([*fusion.inputs, None]):
            own = nothing if name is None else tokens[name]
            answer = self._heads(vectors[:, slot], [own])
            path = straight.get(name) if name is not None else None
            answers.append(answer if path is None else answer + path)
        return fusion.join(torch.stack(answers, 1), vectors, there)

    def _checked(self, view: View) -> View:
        if isinstance(view, str):
            raise ConfigError(f"A view should be a tuple of inputs' names. Found {view!r}.")
        strange = [name for name in view if name not in self.inputs]
        if strange:
            raise ConfigError(
                f"A view should name inputs of the model: {list(self.inputs)}. Found {strange}."
            )
        return view

    def _doubled(self, inputs: Mapping[str, Masked]) -> Mapping[str, Masked]:
        # Columns are packed in single precision; a model in double takes them as well.
        first = next(self.heads.parameters(), None)
        if first is None or first.dtype != torch.float64:
            return inputs
        return {
            name: replace(cells, values=cells.values.double())
            if cells.values.is_floating_point()
            else cells
            for name, cells in inputs.items()
        }


def side_by_side(tokens: Sequence[Masked]) -> Masked:
    """The tokens of several inputs as one long row of them."""
    mask = torch.cat([part.mask for part in tokens], 1)
    return Masked(torch.cat([part.values for part in tokens], 1), mask)


def _hidden(cells: Masked) -> Masked:
    return replace(cells, mask=torch.zeros_like(cells.mask))


def _check_made_for(
    what: str, names: tuple[str, ...], size: int, wanted: tuple[str, ...], width: int
) -> None:
    if set(names) != set(wanted) or size != width:
        raise ConfigError(
            f"The {what} should be made for {list(wanted)} and the width {width}. It is made for "
            f"{list(names)} and {size}. Give its class, and it is built to fit."
        )
