"""One contestant of one part of a scenario, in a process of its own."""

import argparse
import json
import os
from pathlib import Path

from .scenarios import Job, scenario


def main() -> None:
    """Measure, and print the metrics as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("scenario", "part", "contestant"):
        parser.add_argument(name)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    given = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != str(given.threads):
        raise SystemExit("The threads should be pinned by OMP_NUM_THREADS before torch is loaded.")
    import torch

    torch.set_num_threads(given.threads)
    job = Job(given.folder, given.scale, given.seed, given.threads)
    measure = scenario(given.scenario).parts[given.part][given.contestant]
    print(json.dumps(measure(job)), flush=True)


if __name__ == "__main__":
    main()
