"""What the still part of an encoder gave."""

from dataclasses import dataclass

import torch

from ._masked import Masked


@dataclass(frozen=True, eq=False)
class Kept(Masked):
    """What the part of an encoder that is not trained gave for some cells.

    An encoder that is given it goes on from there (see :class:`~plait.modalities.Staged`), and
    nothing varies it: it is no cell any more, but what was made of one.

    Args:
        values: Float ``[batch, size]``, or ``[batch, tokens, size]``.
        mask: Bool ``[batch]``, or ``[batch, tokens]``.

    Example:
        >>> kept = Kept(torch.zeros(3, 4), torch.ones(3).bool())
        >>> type(kept.take(torch.tensor([2, 0]))).__name__
        'Kept'
    """


torch.export.register_dataclass(Kept, serialized_type_name="plait.Kept")
torch.serialization.add_safe_globals([Kept])
