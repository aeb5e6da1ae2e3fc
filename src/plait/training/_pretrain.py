"""The stage before training, in which no label is needed."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from plait._errors import ConfigError, NonFiniteError, suggestion
from plait._model import Model
from plait.data import Batch, Pack
from plait.pretraining import Contrast, Matching, fingerprints
from plait.schema import Schema

from ._ahead import ahead_if_slow
from ._augment import augment
from ._callback import Callback
from ._device import usable
from ._loader import Loader
from ._pretraining import Pretraining
from ._resident import resident
from ._schedule import pace, parameter_groups
from ._settings import Training
from ._settle import settle

APART = 104_729
"""What is added to the seed, so that no random number is drawn again in training."""


def pretrain(
    schema: Schema,
    model: Model,
    pack: Pack,
    loss: Contrast,
    settings: Training,
    stage: Pretraining | None = None,
    *,
    seed: int = 0,
    budget: float | None = None,
    window: int | None = None,
    callbacks: Sequence[Callback] = (),
) -> tuple[float, ...]:
    """Train the encoders of a model to find the inputs of a row among those of other rows.

    All rows take part, labelled or not. Fusion, sharing and heads stay as they are, and so do
    encoders, or parts of one, that are frozen. Use it where most labels are missing and there
    are two media, or a medium and telling columns.

    Args:
        schema: The fitted schema.
        model: Whose encoders are trained in place; it is left on the processor.
        pack: The rows.
        loss: What is asked of a pair of inputs. It is trained as well.
        settings: The choices of the loop to come; pre-training has its device, precision, decay,
            warm-up and clipping.
        stage: What is chosen otherwise; left out, all by default.
        seed: Of everything random.
        budget: Seconds that there are for it and for training, of which it takes ``stage.share``;
            the learning rate then falls with the time.
        window: How many rows of a pack on disk are in memory at a time.
        callbacks: Who looks on.

    Returns:
        The mean loss of each epoch.

    Raises:
        ConfigError: If there are no two sides, or one names a strange input.
        NonFiniteError: If the loss or a gradient is NaN or infinite, before the optimizer steps.
    """
    stage = stage or Pretraining()
    settle(model, pack)
    chosen = settings.resolve(len(pack), schema.seen)
    usable(chosen.device)
    sides = stage.parts(schema)
    strange = [name for side in sides for name in side if name not in schema.inputs]
    if strange:
        raise ConfigError(
            f"The sides of pre-training should name inputs of the model: {list(schema.inputs)}. "
            f"Found {strange}.{suggestion(strange[0], schema.inputs)}"
        )
    # What the model does not look at has no vectors to compare.
    shown = [[name for name in side if name in model.view] for side in sides]
    sides = [side for side in shown if side]
    gpus = range(torch.cuda.device_count()) if chosen.device.startswith("cuda") else ()
    with torch.random.fork_rng(gpus):
        torch.default_generator.manual_seed((seed + APART) % (1 << 63))
        matching = Matching(sides, model.width, loss, size=stage.size)
        batch_size = min(len(pack), stage.batch_size or max(256, chosen.size))
        loader = Loader(
            resident(pack, chosen.device),
            batch_size,
            seed + APART,
            bucket=chosen.bucket,
            window=window,
        )
        run = _Run(schema, model, matching, chosen, stage, seed + APART)
        epochs = stage.epochs or min(10, chosen.epochs or 1)
        return run.through(loader, epochs, budget and budget * stage.share, callbacks)


class _Run:
    def __init__(
        self,
        schema: Schema,
        model: Model,
        matching: Matching,
        chosen: Training,
        stage: Pretraining,
        seed: int,
    ) -> None:
        self.schema, self.model, self.matching = schema, model, matching
        self.chosen, self.seed = chosen, seed
        self.rate = stage.learning_rate or chosen.learning_rate or 0.0
        model.to(chosen.device).train()
        matching.to(chosen.device).train()
        self.used = {name for side in matching.sides for name in side}
        encoders = zip(model.inputs, model.encoders, strict=True)
        parts: list[nn.Module] = [encode for name, encode in encoders if name in self.used]
        groups = parameter_groups([*parts, matching], chosen.weight_decay)
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        self.parameters: list[Tensor] = [each for group in groups for each in group["params"]]

    def through(
        self, loader: Loader, epochs: int, budget: float | None, callbacks: Sequence[Callback]
    ) -> tuple[float, ...]:
        began, means = time.monotonic(), []
        progress = 0.0
        for epoch in range(epochs):
            losses: list[float] = []
            count = loader.steps(epoch)
            for step, (batch, alike) in enumerate(ahead_if_slow(self._varied(loader, epoch))):
                progress = (epoch + step / count) / epochs
                if budget:
                    progress = max(progress, (time.monotonic() - began) / budget)
                    if progress >= 1 and (step or epoch):
                        break  # the time is used up; the rate has fallen with it
                for group in self.optimizer.param_groups:
                    group["lr"] = self.rate * group["pace"] * pace(progress, self.chosen.warmup)
                self._seed(hash((self.seed, epoch, step)))
                losses.append(self._step(batch, alike))
            if losses:
                means.append(sum(losses) / len(losses))
                for callback in callbacks:
                    callback.on_pretraining(epoch + 1, epochs, means[-1])
            if progress >= 1:
                break
        self.model.to("cpu").eval()
        self.model.zero_grad(set_to_none=True)
        return tuple(means)

    def _varied(self, loader: Loader, epoch: int) -> Iterator[tuple[Batch, dict[str, Tensor]]]:
        for batch in loader.epoch(epoch):
            inputs = {
                name: cells if name in self.used else replace(cells, mask=cells.mask & False)
                for name, cells in batch.inputs.items()
            }
            # Before it is varied: a picture that is there twice would be two afterwards.
            alike = {name: fingerprints(batch.inputs[name]) for name in self.used}
            shown = Batch(inputs, {}, batch.rows)
            yield augment(self.schema, shown, seed=self.seed, epoch=epoch, input_dropout=0.0), alike

    def _seed(self, number: int) -> None:
        if torch.device(self.chosen.device).type == "cpu":
            torch.default_generator.manual_seed(number)
        else:
            torch.manual_seed(number)

    def _step(self, batch: Batch, alike: dict[str, Tensor]) -> float:
        device = self.chosen.device
        half = self.chosen.precision == "bfloat16"
        kind = torch.device(device).type
        self.optimizer.zero_grad(set_to_none=True)
        moved = batch.to(device, non_blocking=True)
        keys = {name: key.to(device, non_blocking=True) for name, key in alike.items()}
        with torch.autocast(kind, torch.bfloat16) if half else nullcontext():
            loss = self.matching(self.model.encode(moved.inputs), keys)
        loss.backward()
        norm = get_total_norm([each.grad for each in self.parameters if each.grad is not None])
        # One question for both, so that a device is waited for once.
        value, length = torch.stack([loss.detach(), norm]).tolist()
        if not (math.isfinite(value) and math.isfinite(length)):
            raise NonFiniteError(
                f"The loss of pre-training is {value:g} and its gradient {length:g}: both should "
                f"be finite. No step was taken. Rows {batch.rows[:5].tolist()} and "
                f"{max(0, len(batch) - 5)} more. Look for extreme values in these rows, or lower "
                "`learning_rate`."
            )
        clip_grads_with_norm_(self.parameters, self.chosen.clip, norm)
        self.optimizer.step()
        return value
