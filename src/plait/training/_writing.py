"""When a training is written down, and from where it goes on."""

from plait._errors import Stopped

from ._agreed import agreed
from ._checkpoints import Checkpoints
from ._mark import Mark
from ._snapshot import restore, snapshot
from ._state import State


def begun(shelf: Checkpoints | None, state: State) -> Mark:
    """Where to begin: where a checkpoint was written, if there is one to go on from."""
    if shelf is None or shelf.begun is None:
        return Mark()
    found, shelf.begun = shelf.begun, None
    return restore(state, *found)


def write(shelf: Checkpoints | None, state: State, mark: Mark) -> None:
    """Write a checkpoint if one is due, and end if a signal asked to.

    Raises:
        Stopped: If one did, in any process: in all.
    """
    if shelf is None:
        return
    world = state.world
    # A signal may reach one of several processes, and their clocks differ.
    mine = [float(shelf.signals.asked or 0), float(shelf.due(mark.steps) and not world.rank)]
    asked, due = map(int, world.most(mine))
    if not (asked or due):
        return
    place = None
    if state.given is not None:  # each process holds a part
        place = shelf.write(mark.steps, *snapshot(state, mark), world)
    elif not world.rank:
        place = shelf.write(mark.steps, *snapshot(state, mark))
    agreed({})  # nobody goes on before it is written, which may take longer than a step
    if asked:
        written = world.told(float(place is not None))
        raise Stopped(asked, mark.steps, shelf.place(mark.steps) if written else None)


def end_if_asked(shelf: Checkpoints | None, state: State, mark: Mark) -> None:
    """End if a signal asked to while the last epoch was judged; going on begins a little earlier.

    Raises:
        Stopped: If one did.
    """
    if shelf is None:
        return
    (asked,) = map(int, state.world.most([float(shelf.signals.asked or 0)]))
    if asked:
        raise Stopped(asked, mark.steps, shelf.present and shelf.present[1])
