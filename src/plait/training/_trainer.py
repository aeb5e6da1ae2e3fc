"""The loop, and nothing but the loop."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from plait._errors import ConfigError
from plait.balancing import Balancer, Sum
from plait.data import Pack
from plait.schema import Schema

from ._augment import augment
from ._callback import Callback
from ._history import Epoch, History
from ._loader import steps
from ._outputs import outputs
from ._schedule import follow, pace, parameter_groups
from ._settings import Training
from ._step import train_step


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
    """

    schema: Schema
    settings: Training
    seed: int = 0
    budget: float | None = None
    callbacks: Sequence[Callback] = ()

    def fit(
        self,
        model: nn.Module,
        train: Pack,
        valid: Pack | None = None,
        balancer: Balancer | None = None,
    ) -> History:
        """Train a model in place, and leave the best weights in it, on the processor.

        Args:
            model: A :class:`~plait.Model` of the same schema.
            train: The packed training rows.
            valid: The packed validation rows; without them the last weights are kept.
            balancer: What makes one gradient of the losses; left out, their sum.

        Raises:
            NonFiniteError: If a loss or a gradient is NaN or infinite, before the optimizer steps.
        """
        steps_wanted = min(part.STEPS for part in self.schema.inputs.values())
        chosen = self.settings.resolve(len(train), steps_wanted)
        balancer = balancer or Sum(tuple(self.schema.tasks))
        devices = [torch.cuda.current_device()] if chosen.device.startswith("cuda") else []
        with torch.random.fork_rng(devices):
            return self._run(model, train, valid, balancer, chosen)

    def _run(
        self,
        model: nn.Module,
        train: Pack,
        valid: Pack | None,
        balancer: Balancer,
        chosen: Training,
    ) -> History:
        start = time.monotonic()
        model.to(_known(chosen.device)).train()
        balancer.to(chosen.device)
        optimizer = torch.optim.AdamW(
            parameter_groups([model, balancer], chosen.weight_decay), fused=True
        )
        averaged = AveragedModel(model, multi_avg_fn=follow(chosen.average or 0.0))
        epochs = chosen.epochs or 1
        records: list[Epoch] = []
        best, kept, stopped = 0, {}, "done"
        for epoch in range(epochs):
            began = time.monotonic()
            losses, rate = self._epoch(
                epoch, epochs, start, model, averaged, train, balancer, optimizer, chosen
            )
            trained = time.monotonic() - began
            scores = self._scores(averaged.module, valid, chosen)
            score = sum(scores.values()) / len(scores) if scores else None
            top = records[best - 1].score if best else None
            better = score is None or top is None or score > top
            record = Epoch(
                epoch=epoch + 1,
                epochs=epochs,
                seconds=time.monotonic() - began,
                rows_per_second=len(train) / max(trained, 1e-9),
                learning_rate=rate,
                losses=losses[0],
                weights=losses[1],
                scores=scores,
                score=score,
                best=better,
            )
            records.append(record)
            if better:
                best, kept = epoch + 1, _copy(averaged.module)
            asked = [callback.on_epoch(record) for callback in self.callbacks]
            if any(asked):
                stopped = "asked"
                break
            if score is not None and epoch + 1 - best >= (chosen.patience or epochs):
                stopped = "patience"
                break
            if self.budget and time.monotonic() - start + record.seconds > self.budget:
                stopped = "budget"
                break
        model.load_state_dict(kept)
        model.to("cpu").eval()
        history = History(tuple(records), best, stopped, time.monotonic() - start)
        for callback in self.callbacks:
            callback.on_end(history)
        return history

    def _epoch(
        self,
        epoch: int,
        epochs: int,
        start: float,
        model: nn.Module,
        averaged: AveragedModel,
        train: Pack,
        balancer: Balancer,
        optimizer: torch.optim.Optimizer,
        chosen: Training,
    ) -> tuple[tuple[dict[str, float], dict[str, float]], float]:
        sums: dict[str, float] = {}
        seen: dict[str, int] = {}
        rate = 0.0
        order = list(steps(len(train), chosen.batch_size or 1, self.seed, epoch))
        for step, rows in enumerate(order):
            torch.manual_seed(hash((self.seed, epoch, step)))
            progress = (epoch + step / len(order)) / epochs
            if self.budget:
                progress = max(progress, (time.monotonic() - start) / self.budget)
            rate = (chosen.learning_rate or 0.0) * pace(progress, chosen.warmup)
            for group in optimizer.param_groups:
                group["lr"] = rate
            batch = augment(
                self.schema,
                train[rows],
                seed=self.seed,
                epoch=epoch,
                input_dropout=chosen.input_dropout,
            )
            losses = train_step(
                self.schema,
                model,
                batch,
                balancer,
                optimizer,
                device=chosen.device,
                clip=chosen.clip,
                accumulate=chosen.accumulate,
                half=chosen.precision == "bfloat16",
            )
            averaged.update_parameters(model)
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + loss
                seen[name] = seen.get(name, 0) + 1
            for callback in self.callbacks:
                callback.on_step(step + 1, len(order))
        means = {name: total / seen[name] for name, total in sums.items()}
        return (means, {}), rate

    def _scores(self, model: nn.Module, valid: Pack | None, chosen: Training) -> dict[str, float]:
        if valid is None:
            return {}
        raw = outputs(model, valid, device=chosen.device, half=chosen.precision == "bfloat16")
        return {
            name: self.schema.tasks[name].score(raw[name], target)
            for name, target in valid.targets.items()
            if target.mask.any()
        }


def _copy(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _known(device: str) -> torch.device:
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ConfigError(
            f"`device` should be 'auto', 'cpu', 'cuda', 'cuda:1', 'mps' or the like. "
            f"Got {device!r}."
        ) from error
