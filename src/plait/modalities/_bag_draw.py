"""Random numbers of single items."""

from functools import partial

from plait.data import noise

from ._base import Draw

FINE = 1 << 24
"""How many different numbers a draw knows."""


def per_item(draw: Draw, items: int) -> Draw:
    """Draws for each item of each row, ``[batch * items, count]``, from draws for each row.

    What an item draws does not depend on how many others there are, nor on how often is drawn.
    """
    # Two numbers name an item; all that it draws is made of its name.
    pairs = (draw(2 * items).double() * FINE).long().view(-1, 2)
    return partial(noise, 0, 0, pairs[:, 0] * FINE + pairs[:, 1])


def per_row(draw: Draw, items: int) -> Draw:
    """Draws for each row, repeated for each of its items, ``[batch * items, count]``."""
    return lambda count: draw(count).repeat_interleave(items, 0)
