"""A still encoder of texts, and a trained one of their words beside it."""

from torch import cat, nn

from plait.data import Kept, Masked

from ._staged import Staged


class StagedText(Staged):
    """A :class:`Staged` encoder whose tokens stand beside those of a reader of the cells.

    Args:
        still: See :class:`Staged`.
        tuned: See :class:`Staged`.
        about: See :class:`Staged`.
        reader: From the same cells to tokens ``[batch, tokens, width]``; all of it is trained.

    Shapes:
        - in: cells of the still part, or :class:`~plait.data.Kept` ones that have their source.
        - out: the tokens of the tuned part, then those of the reader.

    Raises:
        ValueError: From a call with kept vectors that have no source.
    """

    SOURCE = True

    def __init__(self, still: nn.Module, tuned: nn.Module, about: str, reader: nn.Module) -> None:
        super().__init__(still, tuned, about)
        self.reader = reader

    def forward(self, cells: Masked) -> Masked:
        """Tokens of each row."""
        source = cells.source if isinstance(cells, Kept) else cells
        if source is None:
            raise ValueError(
                "Kept texts should have their `source`, which the reader beside the still encoder "
                "reads. These have none. Take what `keep` gives, or the cells."
            )
        vector, words = super().forward(cells), self.reader(source)
        mask = words.mask & vector.mask.any(1, keepdim=True)
        return Masked(cat([vector.values, words.values], 1), cat([vector.mask, mask], 1))
