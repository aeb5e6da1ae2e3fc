"""Arrow columns in one form each: what an Arrow type may be is settled here, once."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Numbers = np.ndarray
"""float64 ``[rows]``, NaN where there is none."""


def normal(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One chunk, dictionaries decoded, one type each for strings, bytes and lists.

    Example:
        >>> normal(pa.chunked_array([["a"], ["b", None]])).type
        DataType(large_string)
    """
    # An empty chunk that came through Arrow's C interface cannot always be concatenated.
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    filled = [chunk for chunk in chunks if len(chunk)] or [pa.array([], column.type)]
    parts = [_normal(chunk) for chunk in filled]
    return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)


def _normal(cells: pa.Array) -> pa.Array:
    if isinstance(cells, pa.RunEndEncodedArray):
        cells = pc.run_end_decode(cells)
    if isinstance(cells, pa.DictionaryArray):
        cells = cells.cast(plain(cells.type)).dictionary_decode()
    if isinstance(cells, pa.ExtensionArray):
        cells = cells.storage
    kind = cells.type
    if is_string(kind) or pa.types.is_null(kind):
        return cells.cast(pa.large_string())
    if is_bytes(kind):
        return cells.cast(pa.large_binary())
    if pa.types.is_decimal(kind) or kind == pa.float16():
        return cells.cast(pa.float64())
    return cells.cast(plain(kind))


def plain(kind: pa.DataType) -> pa.DataType:
    """The same type without Arrow's views, of which rows cannot be taken.

    Example:
        >>> plain(pa.list_(pa.string_view()))
        LargeListType(large_list<item: large_string>)
    """
    if kind == pa.string_view():
        return pa.large_string()
    if kind == pa.binary_view():
        return pa.large_binary()
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, plain(kind.value_type), kind.ordered)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain(kind.value_type), kind.list_size)
    if is_list(kind):
        return pa.large_list(plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(plain(field.type)) for field in kind])
    return kind


def is_string(kind: pa.DataType) -> bool:
    """Any of Arrow's string types."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()


def is_bytes(kind: pa.DataType) -> bool:
    """Any of Arrow's types of bytes."""
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or kind == pa.binary_view()
    )


def is_number(kind: pa.DataType) -> bool:
    """A number of any width."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def is_list(kind: pa.DataType) -> bool:
    """A list in each cell, of fixed or varying length."""
    return (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def is_time(kind: pa.DataType) -> bool:
    """A day, or a moment."""
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def numbers(column: pa.Array) -> tuple[Numbers, int]:
    """The cells as float64, with NaN for what is no number.

    Strings are read as numbers where they are ones.

    Returns:
        The numbers, and how many cells held something else (text that is no number, infinity).

    Example:
        >>> numbers(pa.array(["1.5", "x", None]))
        (array([1.5, nan, nan]), 1)
    """
    if is_string(column.type):
        text = pc.utf8_trim_whitespace(column)
        ok = pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
        column = pc.if_else(ok, text, pa.scalar(None, text.type))
        lost = pc.sum(pc.and_(pc.invert(ok), pc.not_equal(text, ""))).as_py() or 0
        cells = column.cast(pa.float64())
    elif is_number(column.type) or pa.types.is_boolean(column.type):
        lost, cells = 0, column.cast(pa.float64(), safe=False)
    else:
        lost = len(column) - column.null_count
        cells = pa.nulls(len(column), pa.float64())
    values = cells.to_numpy(zero_copy_only=False).astype(np.float64, copy=True)
    infinite = np.isinf(values)
    values[infinite] = np.nan
    return values, lost + int(infinite.sum())


def texts(column: pa.Array) -> pa.Array:
    """The cells as trimmed text; a whole number is written without a point; empty is null.

    ``3``, ``3.0`` and ``"3"`` are the same category: one missing cell turns a column of whole
    numbers into floats in more than one library, and must not turn its codes into strangers.

    Example:
        >>> texts(pa.array([3.0, None, 4.5])).to_pylist()
        ['3', None, '4.5']
    """
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        whole = pc.equal(column, pc.floor(column))
        # Beyond 2**53 a float skips whole numbers; what is left of one is still written as one.
        small = pc.less(pc.abs(column), 2.0**63)
        is_code = pc.and_(whole, small)
        codes = pc.if_else(is_code, column, pa.scalar(0.0, column.type))
        codes = codes.cast(pa.int64(), safe=False)
        written = pc.if_else(is_code, codes.cast(pa.large_string()), column.cast(pa.large_string()))
    elif is_bytes(column.type) or pa.types.is_nested(column.type):
        cells = [None if cell is None else str(cell) for cell in column.to_pylist()]
        written = pa.array(cells, pa.large_string())
    else:
        written = column.cast(pa.large_string())
    written = pc.utf8_trim_whitespace(written.cast(pa.large_string()))
    return pc.if_else(pc.equal(written, ""), pa.scalar(None, pa.large_string()), written)


def lists(column: pa.Array, separator: str) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """A column of lists, or of text to be split, end to end.

    Returns:
        The entries as trimmed text, offsets int64 ``[rows + 1]``, and which rows are there.

    Example:
        >>> entries, offsets, there = lists(pa.array(["a, b", None, "b"]), ",")
        >>> entries.to_pylist(), offsets.tolist(), there.tolist()
        (['a', 'b', 'b'], [0, 2, 2, 3], [True, False, True])
    """
    if not is_list(column.type):
        column = pc.split_pattern(texts(column), separator)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    column = column.cast(pa.large_list(column.type.value_type))
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return texts(column.flatten()), offsets, there


def vectors(
    column: pa.Array, dtype: type[np.floating] = np.float32
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """A column of equally long lists of numbers as one matrix.

    The length is that of the most rows; a row of another length is not there.

    Args:
        column: The lists.
        dtype: In which precision their numbers are wanted.

    Returns:
        A matrix ``[rows, length]``, which rows are there, and the numbers of the rows that hold
        a list of another length or an entry that is no finite number.

    Example:
        >>> matrix, there, wrong = vectors(pa.array([[1.0, 2.0], [3.0, 4.0], None, [5.0]]))
        >>> matrix.tolist()
        [[1.0, 2.0], [3.0, 4.0], [0.0, 0.0], [0.0, 0.0]]
        >>> there.tolist(), wrong
        ([True, True, False, False], [3])
    """
    there = column.is_valid().to_numpy(zero_copy_only=False).copy()
    column = column.cast(pa.large_list(column.type.value_type))
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    known = lengths[there]
    length = int(np.bincount(known).argmax()) if known.size else 0
    fits = there & (lengths == length)
    flat = _entries(column.flatten(), dtype)
    matrix = np.zeros((len(column), length), dtype)
    matrix[fits] = flat[np.repeat(fits, lengths)].reshape(int(fits.sum()), length)
    finite = np.isfinite(matrix).all(1)
    wrong = np.flatnonzero(there & ~(fits & finite)).tolist()
    there &= fits & finite
    matrix[~there] = 0
    return matrix, there, wrong


def _entries(flat: pa.Array, dtype: type[np.floating]) -> np.ndarray:
    if pa.types.is_floating(flat.type):
        return flat.cast(pa.from_numpy_dtype(dtype)).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told as such
        return numbers(normal(flat))[0].astype(dtype)
