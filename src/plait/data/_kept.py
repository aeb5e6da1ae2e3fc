"""What the still part of an encoder gave."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ._masked import Masked


@dataclass(frozen=True, eq=False)
class Kept(Masked):
    """What the part of an encoder that is not trained gave for some cells.

    An encoder that is given it goes on from there (see :class:`~plait.modalities.Staged`), and
    nothing varies it: it is no cell any more, but what was made of one.

    Args:
        values: Float ``[batch, size]``, or ``[batch, tokens, size]``.
        mask: Bool ``[batch]``, or ``[batch, tokens]``.
        source: The cells that it was made of, where the model reads them, too.

    Example:
        >>> kept = Kept(torch.zeros(3, 4), torch.ones(3).bool())
        >>> type(kept.take(torch.tensor([2, 0]))).__name__
        'Kept'
    """

    source: Masked | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> "Kept":
        """The same with all that is held changed alike, the source included."""
        source = None if self.source is None else self.source.each(change)
        return replace(self, values=change(self.values), mask=change(self.mask), source=source)


torch.export.register_dataclass(Kept, serialized_type_name="plait.Kept")
torch.serialization.add_safe_globals([Kept])
