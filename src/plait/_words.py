"""Names and numbers as people want to read them."""

import math


def clean(text: str) -> str:
    r"""Text that cannot steer a terminal: what is not printable is shown by its escape.

    Example:
        >>> print(clean("red\x1b[31m"))
        red\x1b[31m
    """
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def number(value: float | None) -> str:
    """A score in four digits, a dash for none.

    Example:
        >>> number(0.123456), number(123456.7), number(None), number(float("nan"))
        ('0.1235', '123,457', '-', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
