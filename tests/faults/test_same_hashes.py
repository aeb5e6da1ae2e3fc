"""Promise 15: what is trained twice with one seed is the same file twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

SHAPES = ("bags", "numbers", "pictures", "series", "texts")
TRAINED = """
import hashlib, json, runpy, sys
from pathlib import Path
import numpy as np
import pyarrow as pa
import torch
from pyarrow import feather
torch.set_num_threads(1)
shapes = runpy.run_path(sys.argv[1])["SHAPES"]
found = {}
for name, made in shapes.items():
    learner, table = made(np.random.default_rng(0))
    learner.cache = False
    home = learner.fit(table).save(Path(sys.argv[2]) / name)
    feather.write_feather(learner.predict(pa.table(table)), str(home.with_suffix(".arrow")))
    files = [home / "weights.safetensors", home / "schema.json", home.with_suffix(".arrow")]
    found[name] = [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]
print(json.dumps(found))
"""


def test_two_trainings_write_the_same_files(tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "keep_models.py"
    found = []
    for turn in ("1", "2"):  # sets of text have another order with each
        done = subprocess.run(
            [sys.executable, "-c", TRAINED, str(script), str(tmp_path / turn)],
            env={**os.environ, "PYTHONHASHSEED": turn, "OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout.splitlines()[-1]))
    assert sorted(found[0]) == list(SHAPES)
    assert {len(files) for files in found[0].values()} == {3}
    assert found[0] == found[1]
