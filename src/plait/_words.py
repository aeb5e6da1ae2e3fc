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


def percent(share: float) -> str:
    """A share in three digits.

    Example:
        >>> percent(1 / 3), percent(0.0001), percent(0.0)
        ('33.3 %', '< 0.1 %', '0 %')
    """
    return "< 0.1 %" if 0 < share < 0.001 else f"{100 * share:.3g} %"
