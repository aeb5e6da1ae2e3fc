"""Pictures and sounds that come together with a path."""

import pyarrow as pa
import pyarrow.compute as pc

from plait._errors import DataError

from ._cells import is_bytes, is_string


def unwrapped(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """The bytes of a column of ``struct<bytes, path>``; its paths where no cell has bytes.

    Any other column is given back as it is.

    Raises:
        DataError: If some cells have bytes and others have only a path.

    Example:
        >>> cells = pa.chunked_array([[{"bytes": b"...", "path": "a.png"}, None]])
        >>> unwrapped(cells, "photo").to_pylist()
        [b'...', None]
    """
    kind = column.type
    if not pa.types.is_struct(kind) or {field.name for field in kind} != {"bytes", "path"}:
        return column
    if not (is_bytes(kind.field("bytes").type) and is_string(kind.field("path").type)):
        return column
    content, path = pc.struct_field(column, "bytes"), pc.struct_field(column, "path")
    if content.null_count == len(content):
        return path
    bare = pc.sum(pc.and_(content.is_null(), path.is_valid())).as_py()
    if bare:
        raise DataError(
            f"The cells of {name!r} should all hold bytes, or all hold paths. Found {bare:,} with "
            "only a path among others with bytes. Embed those files, or take all bytes out."
        )
    return content
