"""The atom: a tensor, and which of its entries are there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int64, Shaped
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Masked:
    """A tensor, and which of its entries are really there.

    The shape of ``mask`` is a prefix of the shape of ``values``: ``[batch]`` says which rows are
    there, ``[batch, tokens]`` says it token by token. What stands in ``values`` where ``mask`` is
    false is undefined, and no result may depend on it.

    Args:
        values: Any dtype, ``[batch, ...]``.
        mask: Bool, ``[batch]``, ``[batch, tokens]``, ...

    Raises:
        ValueError: If the shape of ``mask`` is not a prefix of the shape of ``values``.

    Example:
        >>> age = Masked(torch.tensor([31.0, 0.0]), torch.tensor([True, False]))
        >>> age.present
        tensor([ True, False])
    """

    values: Shaped[Tensor, "batch ..."]
    mask: Bool[Tensor, "batch ..."]

    def __post_init__(self) -> None:
        if self.values.shape[: self.mask.ndim] != self.mask.shape:
            raise ValueError(
                "The shape of `mask` must be a prefix of the shape of `values`. Got "
                f"mask.shape={list(self.mask.shape)} and values.shape={list(self.values.shape)}."
            )

    def __len__(self) -> int:
        return self.mask.shape[0]

    @property
    def present(self) -> Bool[Tensor, " batch"]:
        """Rows of which anything at all is there."""
        return self.mask.flatten(1).any(1) if self.mask.ndim > 1 else self.mask

    def each(self, change: Callable[[Tensor], Tensor]) -> "Masked":
        """The same with all that is held changed alike, row by row or as a whole."""
        return replace(self, values=change(self.values), mask=change(self.mask))

    def take(self, rows: Int64[Tensor, " rows"]) -> "Masked":
        """Some of the rows, in the order asked for."""
        return self.each(lambda held: held.index_select(0, rows))

    def select(self, rows: Int64[Tensor, " rows"]) -> "Masked":
        """Some of the rows: for dense cells the same as :meth:`take`."""
        return self.take(rows)

    def tensors(self) -> tuple[Tensor, ...]:
        """All that is held."""
        return self.values, self.mask

    def slice(self, start: int, stop: int) -> "Masked":
        """Rows that lie side by side, in the same memory."""
        return self.each(lambda held: held[start:stop])

    @staticmethod
    def joined(parts: "Sequence[Masked]") -> "Masked":
        """Rows of several, end to end, in memory of their own."""
        values, mask = zip(*(part.tensors() for part in parts), strict=True)
        return Masked(torch.cat(values), torch.cat(mask))

    def pin_memory(self) -> "Masked":
        """The same in memory that a GPU can read by itself."""
        return self.each(Tensor.pin_memory)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Masked":
        """The same, on another device. The original is left as it was."""
        return self.each(lambda held: held.to(device, non_blocking=non_blocking))


torch.export.register_dataclass(Masked, serialized_type_name="plait.Masked")
torch.serialization.add_safe_globals([Masked])
