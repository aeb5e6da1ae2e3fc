"""A training that is killed again and again: ``python kills.py FOLDER KILLS SEED``, one JSON line.

The process imports and warms up once, and forks a child for each attempt. A child goes on from
what the one before it left behind. It is killed with SIGKILL after a time drawn at random, or at a
numbered call into the file system. Whenever one gets to the end, what it has is compared with an
undisturbed run, bit by bit.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch

import plait

SHAPES: list[dict[str, Any]] = [
    {"balancing": "FAMO", "training": {"accumulate": 3}},
    {"balancing": "Uncertainty", "training": {"average": 0.9, "batch_size": 16}},
    {"balancing": "UPGrad", "fusion": "Concat", "training": {"patience": 2}},
    {"balancing": {"name": "GradDrop"}, "sharing": "MMoE"},
    {"modality_balancing": "GradientBlending"},
    {
        "pretraining": {"name": "InfoNCE", "epochs": 2, "sides": [["size"], ["categories"]]},
        "training": {"guard": "models"},
    },
]


def table(rows: int = 160) -> dict[str, list]:
    draw = random.Random(0)
    found: dict[str, list] = {
        "size": [draw.random() if draw.random() < 0.9 else None for _ in range(rows)],
        "kind": [draw.choice("abc") for _ in range(rows)],
        "words": [draw.choice(["a red car", "one blue house", "green"]) for _ in range(rows)],
    }
    sizes, kinds = found["size"], found["kind"]
    found["price"] = [(x or 0) * 2 + (y == "a") for x, y in zip(sizes, kinds, strict=True)]
    found["sold"] = [w == "green" if draw.random() < 0.7 else None for w in found["words"]]
    return found


def learner(number: int) -> plait.Learner:
    given = dict(SHAPES[number % len(SHAPES)])
    loop = {"epochs": 3, "checkpoint_every": 2, "device": "cpu", **given.pop("training", {})}
    return plait.Learner(["price", "sold"], width=16, cache=False, seed=number,
                         training=plait.Training(**loop), **given)  # fmt: skip


def told(made: plait.Learner) -> str:
    """Weights, log but for its clock, and answers as one digest."""
    found = hashlib.sha256()
    for name, value in sorted(made.model.state_dict().items()):
        found.update(name.encode() + value.numpy().tobytes())
    for epoch in made.history.epochs:
        line = epoch.to_dict()
        del line["seconds"], line["rows_per_second"]
        found.update(json.dumps(line, sort_keys=True).encode())
    found.update(json.dumps(made.predict(table(20))).encode())
    return found.hexdigest()


def attempt(number: int, folder: Path, result: Path, call: int | None) -> int:
    """Fork a child that goes on with the run; its process number."""
    child = os.fork()
    if child:
        return child
    try:
        if call is not None:
            die_at(call)
        made = learner(number).fit(table(), checkpoints=folder / "run" / "checkpoints", resume=True)
        result.write_text(told(made))
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 (a child must not go on as its parent would)
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        os._exit(1)


def die_at(call: int) -> None:
    """Be killed before the given call of those that change what is on the disk."""
    count = 0

    def deadly(plain):
        def called(*given, **options):
            nonlocal count
            count += 1
            if count == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return plain(*given, **options)

        return called

    import plait.training._stored as module

    for name in ("fsync", "rename"):
        setattr(os, name, deadly(getattr(os, name)))
    module.save_file = deadly(module.save_file)
    shutil.rmtree = deadly(shutil.rmtree)
    Path.write_text = deadly(Path.write_text)


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", plait.PlaitWarning)
    draw = random.Random(seed)
    learner(0).fit(table())  # what is imported late is imported by now
    references: dict[int, tuple[str, float]] = {}
    done = killed = torn = wrong = failed = number = 0
    while killed < kills:
        if number not in references:
            began = time.monotonic()
            result = folder / "reference"
            _, status = os.waitpid(attempt(number, folder / f"whole-{number}", result, None), 0)
            assert status == 0, "the undisturbed run failed"
            references[number] = result.read_text(), time.monotonic() - began
        reference, seconds = references[number]
        place, result = folder / f"killed-{number}", folder / "result"
        by_call = killed % 2 == 1
        call = draw.randrange(1, 60) if by_call else None
        child = attempt(number, place, result, call)
        if not by_call:
            time.sleep(draw.uniform(0, 0.9 * seconds))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed += 1
            torn += any(place.rglob("*.tmp"))
        elif status == 0:
            done += 1
            wrong += result.read_text() != reference
            shutil.rmtree(place)
            number = (number + 1) % len(SHAPES)
        else:
            failed += 1
            break
    counts = {"killed": killed, "done": done, "torn": torn, "wrong": wrong, "failed": failed}
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
