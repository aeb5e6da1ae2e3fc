"""The network: encoders, fusion, sharing, heads."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from plait.data import Masked
from plait.fusion import Attention, Fusion
from plait.schema import Schema
from plait.sharing import Bottom, Sharing


class Model(nn.Module):
    """From the inputs of a batch to one raw output per task: a plain module, for any loop.

    Each encoder is run on the rows of which something is there, and on no other: an absent photo
    costs nothing and changes nothing.

    Args:
        schema: A fitted schema.
        width: Size of a token, and of everything between encoders and heads.
        fusion: What makes one vector of all tokens; left out, :class:`~plait.fusion.Attention`.
        sharing: What gives each task its features; left out, :class:`~plait.sharing.Bottom`.

    Shapes:
        - in: a mapping from each input to its :class:`~plait.data.Masked` cells.
        - out: for each task float ``[batch, outputs]``.

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
        fusion: Fusion | None = None,
        sharing: Sharing | None = None,
    ) -> None:
        super().__init__()
        self.inputs, self.tasks = tuple(schema.inputs), tuple(schema.tasks)
        self.width = width
        # Lists and not dicts of modules: a column may bear any name, "a.b" and "keys" included.
        self.encoders = nn.ModuleList(part.build(width) for part in schema.inputs.values())
        self.fusion = fusion or Attention(self.inputs, width)
        self.sharing = sharing or Bottom(self.tasks, width)
        self.heads = nn.ModuleList(task.head(width) for task in schema.tasks.values())
        self.sizes = [task.outputs for task in schema.tasks.values()]
        total = sum(self.sizes)
        found = {n: m for n, part in schema.inputs.items() if (m := part.shortcut(total))}
        self.short = tuple(found)
        self.shortcuts = nn.ModuleList(found.values())

    def forward(self, inputs: Mapping[str, Masked]) -> dict[str, Tensor]:
        """One raw output per task."""
        tokens = {
            name: self._encode(encode, inputs[name])
            for name, encode in zip(self.inputs, self.encoders, strict=True)
        }
        features = self.sharing(self.fusion(tokens))
        outputs = [head(features[name]) for name, head in zip(self.tasks, self.heads, strict=True)]
        if self.short:
            straight = torch.cat(outputs, 1) + self._straight(inputs)
            outputs = list(straight.split(self.sizes, 1))
        return dict(zip(self.tasks, outputs, strict=True))

    def _straight(self, inputs: Mapping[str, Masked]) -> Tensor:
        parts = []
        for name, module in zip(self.short, self.shortcuts, strict=True):
            cells = inputs[name]
            parts.append(module(cells).where(cells.present.unsqueeze(1), 0.0))
        return torch.stack(parts).sum(0)

    def _encode(self, encode: nn.Module, cells: Masked) -> Masked:
        present = cells.present
        if present.all():
            return encode(cells)
        rows = present.nonzero()[:, 0]
        if not rows.shape[0]:
            none = torch.zeros(len(cells), 1, self.width, device=present.device)
            return Masked(none, present.unsqueeze(1))
        tokens = encode(cells.take(rows))
        shape = (len(cells), *tokens.values.shape[1:])
        return Masked(
            tokens.values.new_zeros(shape).index_copy(0, rows, tokens.values),
            tokens.mask.new_zeros(shape[:2]).index_copy(0, rows, tokens.mask),
        )
