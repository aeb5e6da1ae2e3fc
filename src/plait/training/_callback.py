"""Who looks on while a model is trained."""

from collections.abc import Sequence

from ._history import Epoch, History


class Callback:
    """Six events of a training. A leaf overrides those that it cares for.

    A callback looks on; it cannot reach into the trainer. Returning True from
    :meth:`on_epoch` asks it to stop.
    """

    def on_pretraining(self, epoch: int, epochs: int, loss: float) -> None:
        """After each epoch of pre-training, counted from 1, of so many: its mean loss."""

    def on_start(self, epochs: int) -> None:
        """Before the first step: how many epochs there will be at most."""

    def on_resume(self, records: Sequence[Epoch], steps: int) -> None:
        """Before the first step of a training that goes on: its epochs and steps so far."""

    def on_step(self, step: int, steps: int) -> None:
        """After each step of an epoch: how many are done, of how many."""

    def on_epoch(self, epoch: Epoch) -> bool | None:
        """After each epoch and its validation."""

    def on_end(self, history: History) -> None:
        """When the best weights are in place."""
