"""A pack to a folder, part by part."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from ._bagged import Bagged
from ._masked import Masked
from ._pack import Pack
from ._packed import Note, merged
from ._ragged import Ragged
from ._repeated import Repeated
from ._tensor_writer import TensorWriter

ITEMS = "items."
"""Before the names of the tensors of a bag's items."""


class PackWriter:
    """Parts of a pack to one folder, end to end: a safetensors file for each tensor.

    Args:
        folder: Where the files go; made if it is not there.

    Example:
        >>> import tempfile, torch
        >>> from plait.data._stored_pack import stored_pack
        >>> cells = Masked(torch.arange(3.0), torch.ones(3).bool())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with PackWriter(Path(folder)) as writer:
        ...         for _ in range(2):
        ...             writer.append(Pack(3, {"x": cells}, {}))
        ...     found = stored_pack(Path(folder), writer.described())
        ...     found.rows, found.inputs["x"].values.tolist()
        (6, [0.0, 1.0, 2.0, 0.0, 1.0, 2.0])
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = 0
        self.nbytes = 0
        self._notes: list[Note] = []
        self._writers: dict[tuple[str, str, str], TensorWriter] = {}
        self._kinds: dict[tuple[str, str, str], str] = {}
        self._ends: dict[tuple[str, str, str], int] = {}
        self._stack = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, pack: Pack) -> None:
        """Put the rows of a pack behind those that are there."""
        for role, parts in (("inputs", pack.inputs), ("targets", pack.targets)):
            for name, cells in parts.items():
                self._append(role, name, cells)
        if pack.places is not None:
            self._writer("", "", "places").append(pack.places)
        self.rows += pack.rows
        self.nbytes += pack.nbytes
        self._notes += pack.notes

    @property
    def notes(self) -> tuple[Note, ...]:
        """What happened to cells so far."""
        return merged(self._notes)

    def note(self, note: Note) -> None:
        """Write down what happened to cells, beside what the packs say."""
        self._notes.append(note)

    def _append(
        self, role: str, name: str, cells: Masked | Ragged | Repeated | Bagged, within: str = ""
    ) -> None:
        if isinstance(cells, Repeated):
            raise TypeError(
                f"What an encoder gave for {name!r} is kept elsewhere: write the cells."
            )
        self._kinds[role, name, within] = type(cells).__name__
        if isinstance(cells, Ragged | Bagged):
            writer = self._writer(role, name, within + "offsets")
            end = self._ends.get((role, name, within), 0)
            # The first bound of a later part is the last one of the part before.
            writer.append(cells.offsets[1 if writer.rows else 0 :] + end)
            self._ends[role, name, within] = end + int(cells.offsets[-1])
        if isinstance(cells, Bagged):
            self._append(role, name, cells.cells, within + ITEMS)
            return
        self._writer(role, name, within + "values").append(cells.values)
        self._writer(role, name, within + "mask").append(cells.mask)

    def _writer(self, role: str, name: str, part: str) -> TensorWriter:
        key = role, name, part
        if key not in self._writers:
            # Numbers and not names: a column may be called anything.
            path = self.folder / f"{len(self._writers):04}.safetensors"
            self._writers[key] = self._stack.enter_context(TensorWriter(path))
        return self._writers[key]

    def described(self) -> dict[str, Any]:
        """Plain mappings, for JSON, that :func:`stored_pack` takes."""
        tensors: dict[str, Any] = {"inputs": {}, "targets": {}}
        for (role, name, part), writer in self._writers.items():
            if role:
                entry = tensors[role].setdefault(name, {})
                entry[part] = writer.described()
            else:
                tensors[part] = writer.described()
        for (role, name, within), kind in self._kinds.items():
            tensors[role][name][within + "kind"] = kind
        notes = [
            [note.column, note.what, note.count, list(note.examples)]
            for note in merged(self._notes)
        ]
        return {"rows": self.rows, "nbytes": self.nbytes, **tensors, "notes": notes}

    def __enter__(self) -> "PackWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
