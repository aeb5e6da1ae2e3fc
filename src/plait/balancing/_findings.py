"""What was seen of gradients, in numbers."""

from dataclasses import asdict, dataclass
from typing import Any

Row = tuple[float | None, ...]
Square = tuple[Row, ...]


@dataclass(frozen=True)
class Findings:
    """What was seen of the gradients of several tasks, and what it suggests.

    All are plain numbers; None where nothing is known, as of a task that was absent. ``print`` it
    for a table.

    Args:
        tasks: The tasks.
        at: Where gradients were compared: ``"features"``, ``"shared"``, or both.
        steps: The step of each look, counted from 0.
        losses: The mean loss of each task over the looks.
        lengths: The length of each gradient, in the middle (the median) of all looks.
        norm_ratio: The longest over the shortest gradient of a look, in the middle of all looks;
            gradients of zero do not count.
        cosines: The cosine between each two gradients, look by look. 0 where one is zero.
        cosine: Its mean over the looks.
        error: The standard error of that mean: what lies within two of it may be chance.
        conflicts: In which share of the looks two gradients pointed away from each other.
        conflict_rate: The same over all pairs. About a half says little, where cosines are small:
            unrelated gradients point away from each other every other time.
        to_mean: The mean cosine of each gradient and that of all together.
        condition: The largest over the smallest eigenvalue of the cosines, in the middle of all
            looks: 1 at right angles; it is large where gradients depend on each other.
        noise: The share of each gradient's squared length that is chance of the batch: of any two
            successive looks at the same weights, one less the inner product of the two gradients
            over the mean of their squared lengths. Two batches have only the signal in common, so
            that this is honest where weights did not change between looks (:func:`diagnose`). In
            training it is an upper bound, as what changed counts as chance too. None at features,
            where each batch has features of its own.
        affinity: By which share of itself the loss of task ``j`` falls if a step of ``rate`` is
            made along the gradient of task ``i`` (row ``i``, column ``j``): ``rate * G[i, j] /
            loss[j]``, to the first order. At features, as if these were what is trained: go by
            signs and comparisons.
        rate: That of ``affinity``.
        suggests: The name of a balancer.
        weights: Fixed weights that go with it, where it is a weighted ``Sum``.
        sentence: What is suggested and why.
    """

    tasks: tuple[str, ...]
    at: str
    steps: tuple[int, ...]
    losses: Row
    lengths: Row
    norm_ratio: float
    cosines: tuple[Square, ...]
    cosine: Square
    error: Square
    conflicts: Square
    conflict_rate: float
    to_mean: Row
    condition: float
    noise: Row | None
    affinity: Square
    rate: float
    suggests: str
    weights: tuple[float, ...] | None
    sentence: str

    @property
    def looks(self) -> int:
        """How many there were."""
        return len(self.steps)

    def to_dict(self) -> dict[str, Any]:
        """For a file of JSON."""
        return asdict(self)

    def __str__(self) -> str:
        wide = max(map(len, (*self.tasks, "task"))) + 2
        span = f", steps {self.steps[0]} to {self.steps[-1]}" if self.steps else ""
        head = f"{self.looks} looks at gradients at {self.at or 'nothing'}{span}"
        lines = [head, "", "task".ljust(wide) + "".join(map(_cell, ("loss", "length", "to mean")))]
        if self.noise is not None:
            lines[-1] += _cell("noise")
        for place, task in enumerate(self.tasks):
            row = [_number(self.losses[place]), _number(self.lengths[place])]
            row.append(_number(self.to_mean[place], ".2f"))
            if self.noise is not None:
                row.append(_number(self.noise[place], ".2f"))
            lines.append(task.ljust(wide) + "".join(map(_cell, row)))
        if 1 < len(self.tasks) <= 12:
            lines += ["", "cosine (and the share of looks in conflict)"]
            lines.append(" " * wide + "".join(task[:14].rjust(16) for task in self.tasks))
            for place, task in enumerate(self.tasks):
                cells = [
                    "."
                    if place == other
                    else f"{_number(self.cosine[place][other], '.2f')} "
                    f"({_number(self.conflicts[place][other], '.0%')})"
                    for other in range(len(self.tasks))
                ]
                lines.append(task.ljust(wide) + "".join(cell.rjust(16) for cell in cells))
        lines += [
            "",
            f"longest over shortest {self.norm_ratio:.3g}, pairs in conflict "
            f"{self.conflict_rate:.0%}, condition {self.condition:.3g}",
            "",
            self.sentence,
        ]
        return "\n".join(lines)


def _cell(text: str) -> str:
    return text.rjust(10)


def _number(value: float | None, form: str = ".3g") -> str:
    return "-" if value is None else format(value, form)
