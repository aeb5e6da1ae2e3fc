"""Delimited text to Arrow tables, without losing a cell to a guess of its type."""

import re
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from plait._errors import DataError, listing

from ._cells import is_bytes
from ._file import File

BLOCK = 1 << 20
"""Bytes that are read at a time; a row must fit into one."""


def read_csv(file: File, delimiter: str, text: Collection[str] = ()) -> pa.Table:
    """One file of delimited text.

    A column is text if a cell anywhere in it is no number, or is a number that begins with a
    zero: ``02134`` is a code.

    Args:
        file: The file; ``.gz`` is fine.
        delimiter: What stands between two cells.
        text: Columns to be read as text, whatever is in them.

    Raises:
        DataError: If it is not written in UTF-8.
    """
    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    types = dict.fromkeys(text, pa.string())
    block = BLOCK
    while True:
        options = {"read_options": csv.ReadOptions(block_size=block), "parse_options": parse}
        try:
            convert = csv.ConvertOptions(column_types=types)
            table = csv.read_csv(file.stream(), convert_options=convert, **options)
            names = _leading_zeros(file, options, table, set(types))
        except pa.ArrowInvalid as error:
            if "straddl" in str(error) and block < 1 << 30:
                block *= 8
                continue
            names = [_misfit(file, options, error)]
            if types.get(names[0]) == pa.string():
                raise
        if not names:
            break
        types |= dict.fromkeys(names, pa.string())
    odd = [field.name for field in table.schema if is_bytes(field.type)]
    if odd:
        raise not_utf8(file, f"Found other bytes in {listing(odd)}.")
    return table


def not_utf8(file: File, finding: str) -> DataError:
    """The error for text in another encoding."""
    return DataError(f"{str(file)!r} should be written in UTF-8. {finding} Save it as UTF-8.")


def _misfit(file: File, options: dict, error: pa.ArrowInvalid) -> str:
    # The type of a column is guessed from its first block; a later cell may not fit it.
    column = re.search(r"In CSV column #(\d+)", str(error))
    if not column:
        raise error
    return csv.open_csv(file.stream(), **options).schema.names[int(column[1])]


def _leading_zeros(file: File, options: dict, table: pa.Table, known: set[str]) -> list[str]:
    # The zero is lost once it has been read as a number, so the file is read again: all of it, for
    # the first code with a zero may stand anywhere.
    whole = [f.name for f in table.schema if pa.types.is_integer(f.type) and f.name not in known]
    if len(set(table.column_names)) < table.num_columns:
        return []
    found: list[str] = []
    while whole:
        convert = csv.ConvertOptions(
            include_columns=whole, column_types=dict.fromkeys(whole, pa.string())
        )
        for batch in csv.open_csv(file.stream(), convert_options=convert, **options):
            codes = [name for name in whole if _has_zero(batch[name])]
            if codes:
                break
        else:
            return found
        found += codes
        whole = [name for name in whole if name not in codes]
    return found


def _has_zero(cells: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(cells, r"^\s*0\d")).as_py())
