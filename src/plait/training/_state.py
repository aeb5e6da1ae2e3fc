"""What changes while a model is trained."""

import time
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from plait._errors import NonFiniteError
from plait.balancing import Balancer
from plait.data import Batch
from plait.modality_balancing import ModalityBalancer
from plait.schema import Schema

from ._average import Average
from ._compile import Compiled
from ._device import usable
from ._memory import Parts, out_of_memory
from ._schedule import pace, parameter_groups
from ._settings import Training
from ._step import train_step
from ._world import World

MOST = 20
"""Steps in a row that may be left out."""


@dataclass
class State:
    """The modules and the optimizer of a training, on their device, and its clock.

    Args:
        model: What is trained.
        averaged: Its running average, which is evaluated and kept.
        balancer: What makes one gradient of the losses.
        optimizer: AdamW over both.
        chosen: The choices of the loop, with nothing left open.
        start: When it began, on the monotonic clock.
        parts: Into how many parts a batch is cut; more than were chosen once memory ran out.
        compiled: The model as it is run in a step; None where it is not compiled.
        modality: What is done with the losses of single inputs; None where there are none.
        skipped: How many steps in a row were left out since they were not finite.
        world: The processes that train together.
    """

    model: nn.Module
    averaged: Average
    balancer: Balancer
    optimizer: torch.optim.Optimizer
    chosen: Training
    start: float
    parts: Parts
    compiled: Compiled | None = None
    modality: ModalityBalancer | None = None
    skipped: int = 0
    world: World = field(default_factory=World)

    @classmethod
    def of(
        cls,
        model: nn.Module,
        balancer: Balancer,
        chosen: Training,
        modality: ModalityBalancer | None = None,
    ) -> "State":
        """The beginning.

        Raises:
            ConfigError: If there is no such device, or nothing to compile with.
        """
        start = time.monotonic()
        usable(chosen.device)
        model.to(chosen.device).train()
        if not chosen.device.startswith("mps"):  # Apple's GPUs do not know the numbers it counts in
            balancer.to(chosen.device)
        if modality:
            modality.to(chosen.device)
        groups = parameter_groups([model, balancer], chosen.weight_decay)
        optimizer = torch.optim.AdamW(groups, fused=True)
        averaged = Average(model, chosen.average or 0.0)
        compiled = Compiled(model, chosen.device) if chosen.compile else None
        found = cls(
            model,
            averaged,
            balancer,
            optimizer,
            chosen,
            start,
            Parts(chosen.accumulate),
            compiled,
            modality,
            world=World.here(),
        )
        found.world.refuse(
            {
                "`modality_balancing`": modality is not None,
                "`training.accumulate`": chosen.accumulate > 1,
                '`training.non_finite="skip"`': chosen.non_finite == "skip",
            }
        )
        return found

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.start

    def rewind(self, elapsed: float) -> None:
        """Let the clock go on from so many seconds."""
        self.start = time.monotonic() - elapsed

    def pace(self, progress: float) -> None:
        """Set the learning rate for a share of the training that is done."""
        rate = (self.chosen.learning_rate or 0.0) * pace(progress, self.chosen.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["pace"]

    def seed(self, number: int) -> None:
        """Let all randomness of the device begin at a number; other devices are left alone."""
        if torch.device(self.chosen.device).type == "cpu":
            torch.default_generator.manual_seed(number)
        else:
            torch.manual_seed(number)

    def step(
        self, schema: Schema, batch: Batch, number: int
    ) -> tuple[dict[str, float], dict[str, float]] | None:
        """One step, after which the averaged weights have followed.

        Where memory runs out, the same rows are tried again in twice as many parts, with the same
        random numbers; the step stays that of the whole batch. Later steps take as many parts.

        Args:
            schema: The fitted schema.
            batch: The rows as the step should see them.
            number: Where the random numbers of the step begin.

        Returns:
            What :func:`~plait.training.train_step` does; None for a step that was left out.

        Raises:
            NonFiniteError: If a loss or the gradient is NaN or infinite, and such steps are not to
                be left out, or too many were in a row.
            ConfigError: If there is no memory for a single row.
        """
        self.averaged.thaw()
        told, before = None, self._remembered()
        while told is None:
            why = ""
            try:
                self.seed(number)
                told = train_step(
                    schema,
                    self.compiled.module if self.compiled else self.model,
                    batch,
                    self.balancer,
                    self.optimizer,
                    device=self.chosen.device,
                    clip=self.chosen.clip,
                    accumulate=self.parts.count,
                    half=self.chosen.precision == "bfloat16",
                    modality=self.modality,
                    world=self.world,
                )
            except NonFiniteError:
                self.skipped += 1
                if before is None or self.skipped > MOST:
                    raise
                for module, kept in before:
                    module.load_state_dict(kept)
                self.optimizer.zero_grad(set_to_none=True)
                return None
            except (RuntimeError, MemoryError) as error:
                # Processes that wait for each other have to cut a step alike.
                if not out_of_memory(error) or self.world.size > 1:
                    raise
                why = str(error)
            if told is None:  # the error is gone by now, and with it all that its frames held
                self._free()
                self.parts.double(len(batch), why)
        self.averaged.update_parameters(self.model)
        self.skipped = 0
        return told

    def _remembered(self) -> list[tuple[nn.Module, dict]] | None:
        """What balancers know, which a step that is left out must not change."""
        if self.chosen.non_finite == "stop":
            return None
        modules = [self.balancer, *([self.modality] if self.modality else [])]
        return [(each, deepcopy(each.state_dict())) for each in modules]

    def _free(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        if torch.device(self.chosen.device).type == "cuda":
            torch.cuda.empty_cache()

    def refuse_non_finite(self) -> None:
        """Check the averaged weights, which are kept.

        Raises:
            NonFiniteError: If one is NaN or infinite.
        """
        still = self._still
        found = self.averaged.module.named_parameters()
        weights = {name: weight for name, weight in found if name not in still}
        if not weights:
            return
        finite = torch.stack([weight.isfinite().all() for weight in weights.values()]).tolist()
        for name, fine in zip(weights, finite, strict=True):
            if not fine:
                raise NonFiniteError(
                    f"The weight {name!r} is not finite, although every gradient was. It is not "
                    "kept. Lower `learning_rate` or `weight_decay`."
                )

    def averages(self) -> dict[str, Tensor]:
        """A copy of the averaged weights, but for those that are not trained."""
        # What was frozen on the way is an average of what it was: only what both share stays out.
        shared = {id(weight) for weight, _ in self.averaged.frozen}
        named = self.averaged.module.named_parameters(remove_duplicate=False)
        kept, still = (
            self.averaged.module.state_dict(),
            {name for name, weight in named if id(weight) in shared},
        )
        return {name: value.detach().clone() for name, value in kept.items() if name not in still}

    @property
    def _still(self) -> set[str]:
        named = self.model.named_parameters(remove_duplicate=False)
        return {name for name, weight in named if not weight.requires_grad}
