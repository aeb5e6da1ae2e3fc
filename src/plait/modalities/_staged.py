"""An encoder of which a part is never trained."""

import hashlib
import json
from typing import ClassVar

import torch
from torch import Tensor, nn

from plait.data import Kept, Masked


class Staged(nn.Module):
    """A part that stays as it is, and a part that is trained on what it gives.

    Use it for a pretrained encoder that is not tuned, or whose last blocks are:
    :func:`~plait.training.keep` runs the still part once for each different cell, and every
    epoch then begins at what it gave. Where all of an encoder is trained, it gains nothing.

    The still part is never in training mode and never gets a gradient. What it gives for a cell
    must not depend on the other cells of the batch, nor on padding.

    Args:
        still: From :class:`~plait.data.Masked` cells to :class:`~plait.data.Masked` vectors,
            ``[batch, size]`` or ``[batch, tokens, size]``, with as many tokens as the cell has.
        tuned: From such vectors to tokens ``[batch, tokens, width]``.
        about: What its weights do not say and its output depends on, for :attr:`key`.

    Shapes:
        - in: cells of the still part, or :class:`~plait.data.Kept` ones.
        - out: that of the tuned part.

    Example:
        >>> class Double(nn.Module):
        ...     def forward(self, cells):
        ...         return Masked(cells.values * 2, cells.mask)
        >>> staged = Staged(Double(), nn.Identity())
        >>> there = torch.tensor([True])
        >>> staged(Masked(torch.tensor([3]), there)).values.tolist()
        [6]
        >>> staged(Kept(torch.tensor([6]), there)).values.tolist()
        [6]
    """

    SOURCE: ClassVar[bool] = False
    """Whether it reads the cells, too, beside what the still part made of them."""

    def __init__(self, still: nn.Module, tuned: nn.Module, about: str = "") -> None:
        super().__init__()
        self.still = still.requires_grad_(False).eval()
        self.tuned = tuned
        self.about = about

    def train(self, mode: bool = True) -> "Staged":
        """Set the mode of the tuned part; the still one has only one."""
        super().train(mode)
        self.still.eval()
        return self

    def forward(self, cells: Masked) -> Masked:
        """Tokens of each row."""
        if not isinstance(cells, Kept):
            with torch.no_grad():
                cells = self.still(cells)
        return self.tuned(cells)

    @property
    def key(self) -> str:
        """A SHA-256 of all that the output of the still part depends on, but the cells."""
        state = self.still.state_dict()
        told = [[name, str(value.dtype), list(value.shape)] for name, value in state.items()]
        kinds = [f"{type(each).__module__}.{type(each).__qualname__}" for each in self._parts]
        made = [kinds, repr(self.still), self.about, told]
        found = hashlib.sha256(json.dumps(made).encode())
        for value in state.values():
            found.update(_bytes(value))
        return found.hexdigest()

    @property
    def vouched(self) -> bool:
        """Whether :attr:`key` says all: the code of a class of your own may change without it.

        It does where ``about`` is given, or all of the still part is of packages with versions.
        """
        rooms = {type(each).__module__.partition(".")[0] for each in self._parts}
        return bool(self.about) or rooms <= {"plait", "torch", "transformers", "peft", "timm"}

    @property
    def _parts(self) -> list[nn.Module]:
        return list(self.still.modules())


def _bytes(value: Tensor) -> memoryview:
    flat = value.detach().cpu().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy())
