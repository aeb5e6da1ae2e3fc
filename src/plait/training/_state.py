"""What changes while a model is trained."""

import time
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import chain

import torch
from torch import Tensor, nn

from plait._errors import NonFiniteError
from plait.balancing import Balancer
from plait.data import Batch
from plait.modality_balancing import ModalityBalancer
from plait.schema import Schema

from ._average import Average
from ._compile import Compiled
from ._device import seed, usable
from ._memory import Parts, out_of_memory
from ._non_finite import refuse_weights
from ._refused import refuse_together
from ._schedule import pace, parameter_groups
from ._settings import Training
from ._sharding import full, shard
from ._spare import Spare
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
        spare: What this process takes along where it lacks an input that others have.
        over: The weights that tasks share, where each process holds a part of them.
        given: What was to be trained, where ``model`` is a sharded copy of it.
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
    spare: Spare | None = None
    over: Sequence[Tensor] | None = None
    given: nn.Module | None = None

    @classmethod
    def of(
        cls,
        model: nn.Module,
        balancer: Balancer,
        chosen: Training,
        modality: ModalityBalancer | None = None,
        spare: Spare | None = None,
        shared: Collection[str] = (),
        world: World | None = None,
    ) -> "State":
        """The beginning.

        Args:
            model: What is to be trained.
            balancer: What makes one gradient of the losses.
            chosen: The choices of the loop, with nothing left open.
            modality: What is done with the losses of single inputs; None where there are none.
            spare: What this process takes along where it lacks an input.
            shared: The names of the weights that tasks share, where they are sharded.
            world: The processes; left out, those that are running.

        Raises:
            ConfigError: If there is no such device, or nothing to compile with.
        """
        start, world = time.monotonic(), World.here() if world is None else world
        parts = world.size > 1 and chosen.strategy == "fsdp"
        refuse_together(world, chosen, balancer, modality)
        usable(chosen.device)
        given, model = model, deepcopy(model) if parts else model
        model.to(chosen.device).train()
        if not chosen.device.startswith("mps"):  # Apple's GPUs do not know the numbers it counts in
            balancer.to(chosen.device)
        if modality:
            modality.to(chosen.device)
        # They were built and pre-trained alike, but not always to the last bit.
        world.share(
            [
                each
                for part in (model, balancer)
                for each in chain(part.parameters(), part.buffers())
            ]
        )
        averaged = Average(model, chosen.average or 0.0)
        if parts:
            shard(model, chosen.device, often=balancer.needs != "losses")
            shard(averaged.module, chosen.device)
            averaged.follow(model)
        groups = parameter_groups([model, balancer], chosen.weight_decay)
        named = dict(model.named_parameters())
        return cls(
            model,
            averaged,
            balancer,
            torch.optim.AdamW(groups, fused=True),
            chosen,
            start,
            Parts(chosen.accumulate),
            Compiled(model, chosen.device) if chosen.compile else None,
            modality,
            world=world,
            spare=spare,
            over=[named[name] for name in shared] or None if parts else None,
            given=given if parts else None,
        )

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
                seed(self.chosen.device, number)
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
                    spare=self.spare,
                    over=self.over,
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
        if self.world.size > 1:  # a norm over the batch has seen other rows in each process
            self.world.share(self.averaged.changed())
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
        refuse_weights(weights, self.world)

    def end(self, kept: Mapping[str, Tensor]) -> None:
        """Leave weights in the model that was given, on the processor, whole."""
        model = self.given or self.model
        whole = {name: full(value).cpu() for name, value in kept.items()} if self.given else kept
        model.load_state_dict(dict(whole), strict=False)  # those not trained are not in it
        model.to("cpu").eval()
        model.zero_grad(set_to_none=True)  # nobody needs them, and they are as large as the weights

    @property
    def _still(self) -> set[str]:
        named = self.model.named_parameters(remove_duplicate=False)
        return {name for name, weight in named if not weight.requires_grad}
