"""Speed and memory of plait beside a hand-written loop and beside other libraries.

python -m benchmarks.run NAME [NAME ...] [--repeats 5] [--scale 1.0] [--threads N] [--peers]
    [--out results.jsonl] [--data FOLDER]
python -m benchmarks.run --list

Each measurement is one line of JSON. The contestants of a part take turns, each in a process of
its own; `python -m benchmarks.table results.jsonl` makes a table of the medians. The packages are
those of the Python that runs it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from . import _peers
from ._record import record
from .scenarios import NAMES, Job, Scenario, scenario

ROOT = Path(__file__).parent.parent


def pinned(threads: int) -> dict[str, str]:
    """The environment of a contestant."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    fixed = dict.fromkeys(names, str(threads))
    return {**os.environ, **fixed, "TOKENIZERS_PARALLELISM": "true"}


def contestant(name: str, part: str, who: str, job: Job) -> dict[str, Any] | str:
    """The metrics of one contestant in a fresh process, or why there are none."""
    words = [sys.executable, "-m", "benchmarks._worker", name, part, who, str(job.folder)]
    words += ["--scale", str(job.scale), "--seed", str(job.seed), "--threads", str(job.threads)]
    done = subprocess.run(
        words, cwd=ROOT, env=pinned(job.threads), capture_output=True, text=True, check=False
    )
    if done.returncode:
        return (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
    return json.loads(done.stdout.strip().splitlines()[-1])


def prepared(name: str, job: Job, data: Path | None) -> str:
    """Write the data of a scenario in a process of its own; why not, if it cannot be."""
    words = [sys.executable, "-m", "benchmarks._prepare", name, str(job.folder)]
    words += ["--scale", str(job.scale), "--seed", str(job.seed), "--threads", str(job.threads)]
    words += ["--data", str(data)] if data else []
    done = subprocess.run(words, cwd=ROOT, env=pinned(job.threads), check=False)
    return "" if not done.returncode else f"exit status {done.returncode}"


def measured(
    name: str, asked: Scenario, job: Job, repeats: int, parts: list[str]
) -> Iterator[dict[str, Any]]:
    """All lines of a scenario, contestants in turns."""
    for part, contestants in asked.parts.items():
        if parts and part not in parts:
            continue
        for repeat in range(repeats):
            # Every repeat has a seed of its own, the same for all contestants.
            again = Job(job.folder, job.scale, job.seed + repeat, job.threads)
            for who in contestants:
                found = contestant(name, part, who, again)
                about = {"scenario": name, "part": part, "contestant": who, "repeat": repeat}
                run = {"threads": job.threads, "seed": again.seed, "scale": job.scale}
                if isinstance(found, str):
                    print(f"{name}.{part} {who}: {found}", file=sys.stderr)
                    yield record({**about, "error": found}, run)
                    continue
                for metric, (value, unit) in found.items():
                    measure = {"metric": metric, "value": value, "unit": unit}
                    yield record({**about, **measure}, run)


def against_peers(
    name: str, job: Job, repeats: int, environments: Path
) -> Iterator[dict[str, Any]]:
    """All lines of plait and the installed peers on a scenario, in turns."""
    for repeat in range(repeats):
        for who, python, script in _peers.installed(environments):
            found, told = _peers.run(python, script, job, pinned(job.threads))
            about = {"scenario": name, "part": "peers", "contestant": who, "repeat": repeat}
            run = {"threads": job.threads, "seed": job.seed, "scale": job.scale}
            if told:
                print(f"{name} {who}: {told}", file=sys.stderr)
                yield record({**about, "error": told}, run)
                continue
            theirs = {str(found["peer"]): str(found["version"]), "torch": str(found["torch"])}
            about["notes"] = found.get("notes", "")
            for metric, (value, unit) in _peers.metrics(found, job).items():
                measure = {"metric": metric, "value": value, "unit": unit}
                yield record({**about, **measure}, run, theirs)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="the scenarios")
    parser.add_argument("--part", action="append", default=[], help="only this part of a scenario")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="the size of the data")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", action="store_true", help="other libraries as well")
    parser.add_argument("--peers-folder", type=Path, default=ROOT / ".peers")
    parser.add_argument("--out", type=Path, help="append to this file; left out, stdout")
    parser.add_argument("--data", type=Path, help="the folder of real sets, in place of made-up")
    parser.add_argument("--folder", type=Path, help="keep the data here; left out, it is removed")
    given = parser.parse_args()
    if given.list or not given.names:
        for name in NAMES:
            asked = scenario(name)
            print(f"{name:15} {asked.about}\n{'':15} parts: {', '.join(asked.parts)}")
        return
    with ExitStack() as stack:
        out = stack.enter_context(given.out.open("a", encoding="utf-8")) if given.out else None
        if given.folder:
            home = given.folder.resolve()
        else:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))
        for name in given.names:
            asked = scenario(name)
            job = Job(home / name, given.scale, given.seed, given.threads)
            if told := prepared(name, job, given.data.resolve() if given.data else None):
                print(f"{name}: its data could not be made: {told}", file=sys.stderr)
                continue
            lines = [measured(name, asked, job, given.repeats, given.part)]
            if given.peers and asked.peers:
                folder = given.peers_folder.resolve()
                lines.append(against_peers(name, job, given.repeats, folder))
            for each in lines:
                for line in each:
                    print(json.dumps(line), file=out or sys.stdout, flush=True)


if __name__ == "__main__":
    main()
