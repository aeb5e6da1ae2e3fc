"""What the processes of one command have found, put together by the first of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple

import torch
import torch.distributed as dist
from torch import Tensor

from plait._errors import DataError, listing
from plait.data import Masked, Note, Pack, Source, merged

from ._crew import Crew

BLOCK = 1 << 25
"""Bytes that travel at a time."""
OUTPUT, VALUES, MASK = "output ", "values ", "mask "
Scored = tuple[dict[str, Tensor], Pack]


def of_all(
    crew: Crew, source: Source, done: int, notes: Iterable[Note]
) -> tuple[int, tuple[Note, ...]]:
    """Rows and notes of all processes, for the first of them; for the others their own.

    Args:
        crew: The processes.
        source: The table of which each had a share.
        done: The rows that this process has answered.
        notes: Its notes.

    Raises:
        DataError: If they did not read the same table.
    """
    # Files are watched; what is asked of a database may be answered in another order.
    same = source.identity() if crew.size > 1 and source.watch is None else None
    found = crew.gathered([source.rows, same, done, [*map(astuple, notes)]])
    if not found:
        return done, tuple(notes)
    rows = [each for each, *_ in found]
    answered = sum(count for _, _, count, _ in found)
    if len(set(rows)) > 1 or len({each for _, each, *_ in found}) > 1 or answered != rows[0]:
        raise DataError(
            "All processes should read the same rows, in the same order. They found tables of "
            f"{listing(rows)} rows and answered {answered:,}, or what is in them differs. Take a "
            "file that nobody writes to; of a database, write the answer to a file first, or put "
            "its rows in order (ORDER BY)."
        )
    every = (Note(column, what, n, tuple(few)) for *_, own in found for column, what, n, few in own)
    return rows[0], merged(every)


def scored_of_all(crew: Crew, source: Source, own: Sequence[Scored]) -> list[Scored]:
    """Outputs and labels of all processes, in the order of the table, for the first of them.

    Args:
        crew: The processes.
        source: The table of which each had a share.
        own: Outputs and labels of the rows of this process.

    Returns:
        For the first process all, for the others nothing.

    Raises:
        DataError: If they did not read the same table.
    """
    if crew.size == 1:
        return list(own)
    done = sum(len(pack) for _, pack in own)
    rows, notes = of_all(crew, source, done, [note for _, pack in own for note in pack.notes])
    mine = _flat(own)
    told = crew.gathered(
        [[name, str(each.dtype)[6:], [*each.shape]] for name, each in mine.items()]
    )
    # All have answered by now: nobody waits for more than what travels.
    if crew.first:
        crew.say("all")
    else:
        crew.hear("all")
    with crew.linked():
        if not crew.first:
            crew.hear(f"turn-{crew.rank}")
            for each in mine.values():
                for block in _blocks(each):
                    dist.send(block, 0)
            return []
        shares = [mine]
        for rank in range(1, crew.size):
            crew.say(f"turn-{rank}")
            theirs = {
                name: torch.empty(shape, dtype=getattr(torch, kind))
                for name, kind, shape in told[rank]
            }
            for each in theirs.values():
                for block in _blocks(each):
                    dist.recv(block, rank)
            shares.append(theirs)
    one = {name: torch.cat([each[name] for each in shares if name in each]) for name in mine}
    tasks = [name.removeprefix(OUTPUT) for name in one if name.startswith(OUTPUT)]
    labels = {
        name: Masked(one[VALUES + name], one[MASK + name]) for name in tasks if MASK + name in one
    }
    return [({name: one[OUTPUT + name] for name in tasks}, Pack(rows, {}, labels, notes))]


def _flat(parts: Sequence[Scored]) -> dict[str, Tensor]:
    """Outputs and labels by name, each end to end."""
    lists: dict[str, list[Tensor]] = {}
    for raw, pack in parts:
        for name, output in raw.items():
            lists.setdefault(OUTPUT + name, []).append(output)
        for name, labels in pack.targets.items():
            lists.setdefault(VALUES + name, []).append(labels.values)
            lists.setdefault(MASK + name, []).append(labels.mask)
    return {name: torch.cat(each).contiguous() for name, each in lists.items()}


def _blocks(whole: Tensor) -> Iterator[Tensor]:
    """The bytes of a tensor, some at a time, where they are."""
    return iter(whole.view(-1).view(torch.uint8).split(BLOCK) if whole.numel() else ())
