"""A tensor to a file, some rows at a time."""

import hashlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

HEAD = 512
"""Bytes before the numbers: the length of the header, and the header filled up with blanks."""
DTYPES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int32: "I32",
    torch.int64: "I64",
    torch.float16: "F16",
    torch.float32: "F32",
    torch.float64: "F64",
}
"""The names that the safetensors format has for the types a column is packed to."""


class TensorWriter:
    """One tensor to a safetensors file that grows by rows, so that it need not fit in memory.

    The header of such a file says the shape, which is known at the end: room is left for it.

    Args:
        path: The file; nothing may stand there.

    Example:
        >>> import tempfile
        >>> from safetensors.torch import load_file
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "x.safetensors"
        ...     with TensorWriter(path) as writer:
        ...         writer.append(torch.ones(2, 3))
        ...         writer.append(torch.zeros(1, 3))
        ...     described = writer.described()
        ...     load_file(path)["values"].sum(1).tolist(), described["shape"]
        ([3.0, 3.0, 0.0], [3, 3])
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("xb")
        self._file.write(bytes(HEAD))
        self._hash = hashlib.sha256()
        self._dtype: torch.dtype | None = None
        self._row: list[int] = []
        self.rows = 0

    def append(self, values: Tensor) -> None:
        """Put rows behind those that are there.

        Raises:
            ValueError: If they are of another type or shape.
        """
        row = list(values.shape[1:])
        if self._dtype is None:
            self._dtype, self._row = values.dtype, row
        if (values.dtype, row) != (self._dtype, self._row):
            raise ValueError(
                f"All rows of a tensor should be {self._dtype} of the shape {self._row}. Got "
                f"{values.dtype} of the shape {row}."
            )
        content = values.contiguous().numpy().data
        if values.numel():
            self._file.write(content)
            self._hash.update(content)
        self.rows += len(values)

    def described(self) -> dict[str, Any]:
        """What a reader has to know to hold the file against it."""
        return {
            "file": self.path.name,
            "dtype": DTYPES[self._dtype or torch.uint8],
            "shape": [self.rows, *self._row],
            "sha256": self._hash.hexdigest(),
        }

    def __enter__(self) -> "TensorWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            end = self._file.tell() - HEAD
            self._file.seek(0)
            self._file.write(header(self.described(), end))
        self._file.close()


def header(described: dict[str, Any], size: int) -> bytes:
    """The first bytes of a safetensors file with one tensor, ``values``, of ``size`` bytes."""
    entry = {
        "dtype": described["dtype"],
        "shape": described["shape"],
        "data_offsets": [0, size],
    }
    text = json.dumps({"values": entry}).encode().ljust(HEAD - 8)
    return len(text).to_bytes(8, "little") + text
