"""The network: encoders, fusion, sharing, heads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from plait._errors import ConfigError
from plait.data import Masked
from plait.fusion import Attention, Fusion
from plait.schema import Schema
from plait.sharing import Bottom, Sharing

Known = tuple[Masked, Tensor | None]
"""The rows of which something is there, and their numbers; None for all of them."""


class Model(nn.Module):
    """From the inputs of a batch to one raw output per task: a plain module, for any loop.

    Each encoder is run on the rows of which something is there, and on no other: an absent photo
    costs nothing and changes nothing.

    Args:
        schema: A fitted schema.
        width: Size of a token, and of everything between encoders and heads.
        fusion: What makes one vector of all tokens: a module, or a class that is built with the
            names of the inputs and the width; left out, :class:`~plait.fusion.Attention`.
        sharing: What gives each task its features: a module, or a class that is built with the
            names of the tasks and the width; left out, :class:`~plait.sharing.Bottom`.

    Shapes:
        - in: a mapping from each input to its :class:`~plait.data.Masked` cells.
        - out: for each task float ``[batch, outputs]``.

    Raises:
        ConfigError: If ``fusion`` or ``sharing`` was made for other names or another width.

    Example:
        >>> table = {"age": [30, 40, None], "bought": [True, None, False]}
        >>> schema = Schema.infer(table, targets=["bought"]).fit(table)
        >>> model = Model(schema, width=16)
        >>> outputs = model(schema.pack(table)[torch.tensor([0, 2])].inputs)
        >>> {name: list(output.shape) for name, output in outputs.items()}
        {'bought': [2, 1]}
    """

    def __init__(
        self,
        schema: Schema,
        width: int = 128,
        *,
        fusion: Fusion | type[Fusion] | None = None,
        sharing: Sharing | type[Sharing] | None = None,
    ) -> None:
        super().__init__()
        self.inputs, self.tasks = tuple(schema.inputs), tuple(schema.tasks)
        self.width = width
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

    def forward(self, inputs: Mapping[str, Masked]) -> dict[str, Tensor]:
        """One raw output per task."""
        inputs = self._doubled(inputs)
        known = dict(zip(self.inputs, _known([inputs[n] for n in self.inputs]), strict=True))
        tokens = {
            name: self._encode(encode, inputs[name], *known[name])
            for name, encode in zip(self.inputs, self.encoders, strict=True)
        }
        features = self.sharing(self.fusion(tokens))
        outputs = [head(features[name]) for name, head in zip(self.tasks, self.heads, strict=True)]
        if self.short:
            straight = torch.cat(outputs, 1) + self._straight(known, len(outputs[0]))
            outputs = list(straight.split(self.sizes, 1))
        return dict(zip(self.tasks, outputs, strict=True))

    def _straight(self, known: Mapping[str, Known], count: int) -> Tensor:
        total = torch.zeros(1, sum(self.sizes), device=known[self.short[0]][0].mask.device)
        for name, module in zip(self.short, self.shortcuts, strict=True):
            cells, rows = known[name]
            if rows is None:
                total = total + module(cells)
            elif len(cells):
                total = total + _spread(module(cells), rows, count)
        return total

    def _encode(
        self, encode: nn.Module, cells: Masked, known: Masked, rows: Tensor | None
    ) -> Masked:
        if rows is None:
            return encode(known)
        if not len(known):
            none = torch.zeros(len(cells), 1, self.width, device=rows.device)
            return Masked(none, cells.present.unsqueeze(1))
        tokens = encode(known)
        return Masked(
            _spread(tokens.values, rows, len(cells)), _spread(tokens.mask, rows, len(cells))
        )

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


def _known(parts: Sequence[Masked]) -> list[Known]:
    # One question for all inputs: a device must not be made to wait for each.
    there = [cells.present for cells in parts]
    counts = torch.stack([present.sum() for present in there]).tolist() if parts else []
    return [_present(*each) for each in zip(parts, there, counts, strict=True)]


def _present(cells: Masked, present: Tensor, count: int) -> Known:
    if count == len(cells):
        return cells, None
    # As `nonzero` would, but without asking how many there are.
    rows = present.to(torch.uint8).argsort(descending=True, stable=True)[:count]
    return cells.take(rows), rows


def _spread(values: Tensor, rows: Tensor, count: int) -> Tensor:
    return values.new_zeros(count, *values.shape[1:]).index_copy(0, rows, values)


def _check_made_for(
    what: str, names: tuple[str, ...], size: int, wanted: tuple[str, ...], width: int
) -> None:
    if set(names) != set(wanted) or size != width:
        raise ConfigError(
            f"The {what} should be made for {list(wanted)} and the width {width}. It is made for "
            f"{list(names)} and {size}. Give its class, and it is built to fit."
        )
