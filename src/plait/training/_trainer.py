"""The loop, and nothing but the loop."""

import math
from collections.abc import Sequence
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
from ._conflicts import Conflicts
from ._history import Epoch, History
from ._loader import Loader
from ._probe import measured
from ._resident import resident
from ._scores import scores
from ._settings import Training
from ._settle import settle
from ._state import State
from ._watch import watch


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
    """

    schema: Schema
    settings: Training
    seed: int = 0
    budget: float | None = None
    callbacks: Sequence[Callback] = ()
    window: int | None = None

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
            ConfigError: If there is no such device.
            NonFiniteError: If a loss or a gradient is NaN or infinite, before the optimizer steps.
        """
        if isinstance(model, Model):
            settle(model, train)
        settings = measured(self.schema, model, train, self.settings)
        chosen = settings.resolve(len(train), self.schema.seen)
        balancer = balancer or Sum(tuple(self.schema.tasks))
        state = State.of(model, balancer, chosen, modality)
        gpus = range(torch.cuda.device_count()) if chosen.device.startswith("cuda") else ()
        with torch.random.fork_rng(gpus):
            return self._run(state, train, valid)

    def _run(self, state: State, train: Pack, valid: Pack | None) -> History:
        chosen, model = state.chosen, state.model
        epochs = chosen.epochs or 1
        loader = Loader(
            resident(train, chosen.device),
            chosen.size,
            self.seed,
            bucket=chosen.bucket,
            window=self.window,
        )
        records: list[Epoch] = []
        best, top, kept, stopped = 0, -math.inf, {}, "done"
        for callback in self.callbacks:
            callback.on_start(epochs)
        watch(self.schema, state, 0, train, valid)
        for epoch in range(epochs):
            began = state.elapsed
            losses, weights, conflicts, rows = self._epoch(epoch, epochs, state, loader)
            trained = state.elapsed - began
            state.refuse_non_finite()
            watch(self.schema, state, epoch + 1, train, valid)
            found = self._scores(state, valid) if valid is not None else {}
            score = sum(found.values()) / len(found) if found else None
            lately = _lately([*(each.score for each in records), score], 1 + epochs // 10)
            better = score is None or not best or lately > top
            top = max(top, lately)
            record = Epoch(
                epoch=epoch + 1,
                epochs=epochs,
                seconds=state.elapsed - began,
                rows_per_second=rows / max(trained, 1e-9),
                learning_rate=state.optimizer.param_groups[0]["lr"],
                losses=losses,
                weights=weights,
                scores=found,
                score=score,
                best=better,
                conflicts=conflicts,
            )
            records.append(record)
            if better:
                best, kept = epoch + 1, state.averages()
            # Every callback is told, whatever the one before it has answered.
            asked = [callback.on_epoch(record) for callback in self.callbacks]
            if any(asked):
                stopped = "asked"
            elif score is not None and epoch + 1 - best >= (chosen.patience or epochs):
                stopped = "patience"
            elif self.budget and state.elapsed >= self.budget:
                stopped = "budget"
            if stopped != "done":
                break
        model.load_state_dict(kept, strict=False)  # weights that are not trained are not in it
        model.to("cpu").eval()
        model.zero_grad(set_to_none=True)  # nobody needs them, and they are as large as the weights
        history = History(
            tuple(records),
            best,
            stopped,
            state.elapsed,
            parts=state.parts.count,
            compilations=state.compiled.programs if state.compiled else 0,
            balancing=state.balancer.sentence,
        )
        for callback in self.callbacks:
            callback.on_end(history)
        return history

    def _epoch(
        self, epoch: int, epochs: int, state: State, loader: Loader
    ) -> tuple[dict[str, float], dict[str, float], float | None, int]:
        chosen, done = state.chosen, 0
        sums: dict[str, float] = {}
        seen: dict[str, int] = {}
        weights: dict[str, float] = {}
        conflicts = Conflicts(seen=state.balancer.last)
        count = loader.steps(epoch)
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
            for batch in loader.epoch(epoch)
        )
        ready = (batch.pin_memory() for batch in varied) if pinned else varied
        for step, batch in enumerate(ahead_if_slow(ready)):
            progress = (epoch + step / count) / epochs
            if self.budget:
                progress = max(progress, state.elapsed / self.budget)
                if progress >= 1 and step:
                    break  # the time is used up; the rate has fallen with it
            state.pace(progress)
            losses, given = state.step(self.schema, batch, hash((self.seed, epoch, step)))
            weights |= given
            conflicts.add(state.balancer)
            done += len(batch)
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + loss
                seen[name] = seen.get(name, 0) + 1
            for callback in self.callbacks:
                callback.on_step(step + 1, count)
        state.balancer.end_epoch()
        means = {name: total / seen[name] for name, total in sums.items()}
        return means, weights, conflicts.mean, done

    def _scores(self, state: State, valid: Pack) -> dict[str, float]:
        half = state.chosen.precision == "bfloat16"
        return scores(self.schema, state.averaged.module, valid, state.chosen.device, half=half)


def _lately(scores: Sequence[float | None], window: int) -> float:
    """The mean of the last scores: with few validation rows a single epoch may just be lucky."""
    last = [score for score in scores[-window:] if score is not None]
    return sum(last) / len(last) if last else -math.inf
