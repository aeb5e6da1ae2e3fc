"""The data of one scenario, written in a process of its own."""

import argparse
from pathlib import Path

from .scenarios import Job, scenario


def main() -> None:
    """Write the data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    job = Job(given.folder, given.scale, given.seed, given.threads)
    scenario(given.scenario).prepare(job, given.data)


if __name__ == "__main__":
    main()
