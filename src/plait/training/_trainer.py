"""The loop, and nothing but the loop."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from plait._model import Model
from plait.balancing import Balancer, Sum
from plait.data import Pack
from plait.modality_balancing import ModalityBalancer
from plait.schema import Schema

from ._ahead import ahead_if_slow
from ._augment import augment
from ._callback import Callback
from ._checkpoints import Checkpoints
from ._common import common
from ._history import Epoch, History
from ._loader import Loader
from ._mark import Mark
from ._memory import told_in_words
from ._probe import measured
from ._resident import resident
from ._scores import scores
from ._settings import Training
from ._settle import settle
from ._sharding import whole
from ._spare import Spare
from ._state import State
from ._watch import watch
from ._world import World, heard
from ._writing import begun, end_if_asked, write

WHY = ("done", "asked", "patience", "budget")


@dataclass(frozen=True)
class Trainer:
    """Epochs over :func:`~plait.training.train_step`, with validation and the best weights kept.

    The model that is evaluated, compared and kept is the running average of the trained weights.
    All randomness is a function of seed, epoch, step and row.

    Args:
        schema: The fitted schema.
        settings: The choices of the loop; what is open is resolved by the number of rows.
        seed: Of everything random.
        budget: Seconds that training may take; the learning rate then falls with the time.
        callbacks: Who looks on.
        window: How many rows of a pack on disk are in memory at a time.
        checkpoints: Where the training is written down on its way, and from where it goes on.
    """

    schema: Schema
    settings: Training
    seed: int = 0
    budget: float | None = None
    callbacks: Sequence[Callback] = ()
    window: int | None = None
    checkpoints: Checkpoints | None = None

    def fit(
        self,
        model: nn.Module,
        train: Pack,
        valid: Pack | None = None,
        balancer: Balancer | None = None,
        modality: ModalityBalancer | None = None,
    ) -> History:
        """Train a model in place, and leave the best weights in it, on the processor.

        Args:
            model: A :class:`~plait.Model` of the same schema.
            train: The packed training rows.
            valid: The packed validation rows; without them the last weights are kept.
            balancer: What makes one gradient of the losses; left out, their sum.
            modality: What is done with the losses of single inputs; left out, there are none.

        Raises:
            ConfigError: If there is no such device, or no memory for the rows of a step.
            NonFiniteError: If a loss or a gradient is NaN or infinite, before the optimizer steps.
            ArtifactError: If it is to go on from a checkpoint, and there is none that fits.
            Stopped: If a signal asked to end, once a checkpoint is written.
        """
        if isinstance(model, Model):
            settle(model, train)
        settings = measured(self.schema, model, train, self.settings)
        chosen = settings.resolve(len(train), self.schema.seen)
        balancer = balancer or Sum(tuple(self.schema.tasks))
        world = World.here()
        spare = Spare.of(train) if world.size > 1 else None
        shared = common(self.schema, model, spare, chosen) if spare else ()
        state = State.of(model, balancer, chosen, modality, spare, shared)
        gpus = range(torch.cuda.device_count()) if chosen.device.startswith("cuda") else ()
        shelf = self.checkpoints
        noted = shelf.signals if shelf else nullcontext()
        with torch.random.fork_rng(gpus), noted, heard(), told_in_words():
            return self._run(state, train, valid)

    def _run(self, state: State, train: Pack, valid: Pack | None) -> History:
        chosen = state.chosen
        epochs = chosen.epochs or 1
        loader = Loader(
            resident(train, chosen.device),
            chosen.size,
            self.seed,
            bucket=chosen.bucket,
            window=self.window,
            rank=state.world.rank,
            world=state.world.size,
        )
        mark, stopped = begun(self.checkpoints, state), "done"
        for callback in self.callbacks:
            callback.on_start(epochs)
            if mark.steps:
                callback.on_resume(tuple(mark.records), mark.steps)
        if not mark.steps:
            watch(self.schema, state, 0, train, valid)
        while mark.epoch < epochs:
            trained = self._epoch(mark, epochs, state, loader)
            state.refuse_non_finite()
            watch(self.schema, state, mark.epoch + 1, train, valid)
            found = self._scores(state, valid) if valid is not None else {}
            score = sum(found.values()) / len(found) if found else None
            lately = mark.lately(score, 1 + epochs // 10)
            better = score is None or not mark.best or lately > mark.top
            mark.top = max(mark.top, lately)
            seconds = state.elapsed - mark.part.began
            record = Epoch(
                epoch=mark.epoch + 1,
                epochs=epochs,
                seconds=seconds,
                rows_per_second=mark.part.rows / max(trained, 1e-9),
                learning_rate=state.optimizer.param_groups[0]["lr"],
                losses=mark.part.losses,
                weights=mark.part.weights,
                scores=found,
                score=score,
                best=better,
                conflicts=mark.part.conflicts.mean,
                skipped=mark.part.skipped,
            )
            if better:
                mark.best, mark.kept = mark.epoch + 1, state.averaged.copies()
            mark.end_epoch(record, state.balancer.last)
            # Every callback is told, whatever the one before it has answered.
            asked = [callback.on_epoch(record) for callback in self.callbacks]
            if any(asked):
                stopped = "asked"
            elif score is not None and mark.epoch - mark.best >= (chosen.patience or epochs):
                stopped = "patience"
            elif self.budget and state.elapsed >= self.budget:
                stopped = "budget"
            # One process decides for all: their clocks and callbacks are not the same.
            stopped = WHY[int(state.world.told(float(WHY.index(stopped))))]
            if stopped != "done":
                break
            write(self.checkpoints, state, mark)
        end_if_asked(self.checkpoints, state, mark)
        state.end(mark.kept)
        history = History(
            tuple(mark.records),
            mark.best,
            stopped,
            state.elapsed,
            parts=state.parts.count,
            compilations=state.compiled.programs if state.compiled else 0,
            balancing=state.balancer.sentence,
        )
        for callback in self.callbacks:
            callback.on_end(history)
        return history

    def _epoch(self, mark: Mark, epochs: int, state: State, loader: Loader) -> float:
        """The steps of an epoch that are not done yet; the seconds that all of them took."""
        chosen, epoch = state.chosen, mark.epoch
        count = loader.steps(epoch)
        if not mark.step:
            mark.part.began = state.elapsed
        # What lies on the processor is copied to a GPU while the step before is still at work.
        pinned = chosen.device.startswith("cuda") and loader.pack.device.type == "cpu"
        varied = (
            augment(
                self.schema,
                batch,
                seed=self.seed,
                epoch=epoch,
                input_dropout=chosen.input_dropout,
                view=state.model.view if isinstance(state.model, Model) else None,
            )
            for batch in loader.epoch(epoch, mark.step)
        )
        ready = (batch.pin_memory() for batch in varied) if pinned else varied
        for batch in ahead_if_slow(ready):
            progress = (epoch + mark.step / count) / epochs
            if self.budget:
                # Each has a clock, and a budget that is what its own clock has left.
                spent = state.world.told(state.elapsed / self.budget)
                progress = max(progress, spent)
                if progress >= 1 and mark.step:
                    break  # the time is used up; the rate has fallen with it
            state.pace(progress)
            apart = (state.world.rank,) if state.world.size > 1 else ()  # dropout of other rows
            told = state.step(self.schema, batch, hash((self.seed, epoch, mark.step, *apart)))
            mark.part.conflicts.add(state.balancer)
            mark.part.add(told, len(batch) * state.world.size)
            mark.step, mark.steps = mark.step + 1, mark.steps + 1
            for callback in self.callbacks:
                callback.on_step(mark.step, count)
            write(self.checkpoints, state, mark)
        state.balancer.end_epoch()
        return state.elapsed - mark.part.began

    def _scores(self, state: State, valid: Pack) -> dict[str, float]:
        half, model = state.chosen.precision == "bfloat16", state.averaged.module
        with whole(model):
            return scores(self.schema, model, valid, state.chosen.device, state.world, half=half)
