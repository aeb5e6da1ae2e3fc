"""How deep the lists and mappings of a file of JSON lie in one another."""

from collections.abc import Callable

import numpy as np

DEEPEST = 32
BLOCK = 1 << 22
"""Bytes that are looked at at a time."""
SIGNS = b'"[]{}\n'
OTHERS = bytes(set(range(256)) - set(SIGNS))


def check_depth(read: Callable[[int], bytes]) -> None:
    """Refuse JSON that is so deep that its readers end the process instead of raising.

    Arrow's reader calls itself for each level, and ten thousand of them are too many for it.

    Args:
        read: The next bytes, at most so many; none at the end.

    Raises:
        ValueError: If it is deeper than :data:`DEEPEST` levels.

    Example:
        >>> import io
        >>> check_depth(io.BytesIO(b'{"a": "[[[[", "b": [[1]]}').read)
        >>> check_depth(io.BytesIO(b'{"a": ' + b"[" * 32 + b"]" * 32 + b"}").read)
        Traceback (most recent call last):
        ...
        ValueError: it is more than 32 levels deep
    """
    rest, depth, quoted = b"", 0, 0
    while block := read(BLOCK):
        whole = rest + block
        rest = whole[len(whole.rstrip(b"\\")) :]  # what it stands before is in the next block
        whole = whole[: len(whole) - len(rest)]
        plain = whole.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, OTHERS)
        # Two quotes with nothing between them that counts say nothing of what follows.
        signs = np.frombuffer(plain.replace(b'""', b""), np.uint8)
        if not len(signs):
            continue
        # A string ends with its line, whatever else is wrong: no reader takes one that does not.
        quotes = quoted + (signs == ord('"')).cumsum()
        before = np.maximum.accumulate(np.where(signs == ord("\n"), quotes, 0))
        within = (quotes - before) & 1
        bracket = ((signs & 0x50) == 0x50) & (within == 0)
        # The sixth bit from the left tells closing brackets from opening ones.
        steps = np.where(bracket, 1 - ((signs >> 1) & 2).astype(np.int64), 0)
        levels = depth + steps.cumsum()
        levels -= np.minimum(np.minimum.accumulate(levels), 0)  # more are closed than were opened
        if levels.max() > DEEPEST:
            raise ValueError(f"it is more than {DEEPEST} levels deep")
        depth, quoted = int(levels[-1]), int(within[-1])
