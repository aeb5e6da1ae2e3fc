"""A real cluster of Ray, of two processors of this machine."""

import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from pyarrow import csv, parquet

from plait import DataError, Learner, Training, clusters, load

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'plait[ray]'"),
    pytest.mark.filterwarnings("ignore"),  # Ray has some of its own
]
ROWS = 240
TABLE = pa.table(
    {
        "x": [float(n % 13) if n % 11 else None for n in range(ROWS)],
        "kind": ["abc"[n % 3] for n in range(ROWS)],
        "y": [float(n % 13) if n % 2 else None for n in range(ROWS)],
        "z": [n % 3 == 0 if n % 5 else None for n in range(ROWS)],
    }
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    import ray

    home = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        # What its processes find in their environment is what is there now.
        patch.setenv("PYTHONPATH", ":".join([str(Path(__file__).parent), *sys.path]))
        patch.syspath_prepend(str(Path(__file__).parent))
        patch.setenv("DEADLY", str(home / "deadly"))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PLAIT_CACHE", str(home / "cache"))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        began = time.monotonic()
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        print(f"started Ray in {time.monotonic() - began:.1f} s")
        yield home
        ray.shutdown()
        torch.set_num_threads(threads)


@pytest.fixture
def place(tmp_path) -> Path:
    found = tmp_path / "table.parquet"
    parquet.write_table(TABLE, found)
    return found


def learner(**more) -> Learner:
    loop = Training(epochs=4, batch_size=32, device="cpu", guard="off", checkpoint_every=4)
    return Learner(["y", "z"], width=8, training=loop, cache=False, **more)


def test_a_killed_process_leaves_no_trace(cluster, place):
    from deadly import Deadly

    mark = cluster / "deadly"
    mark.write_text("killed\n")
    whole = learner(fusion=Deadly, devices=2).fit(place)
    mark.unlink()
    began = time.monotonic()
    found = clusters.fit(
        learner(fusion=Deadly), place, workers=2, storage=place.parent / "run", own=[Deadly]
    )
    print(f"fit with one kill took {time.monotonic() - began:.1f} s")
    lines = [line.split() for line in mark.read_text().splitlines()]
    killed = [float(at) for at, _, what in lines if what == "killed"]
    again = max(float(at) for at, _, what in lines if what == "began")
    assert len(killed) == 1
    assert sum(what == "began" for *_, what in lines) == 4
    print(f"first step {again - killed[0]:.1f} s after the kill")
    for name, weight in found.model.state_dict().items():
        assert torch.equal(weight, whole.model.state_dict()[name]), name
    assert {each.name for each in place.parent.iterdir()} == {"run", "table.parquet"}
    assert not (place.parent / "run" / "checkpoints").exists()


def test_what_is_refused_is_told_once(cluster, place):
    began = time.monotonic()
    with pytest.raises(DataError, match="'w'"):
        clusters.fit(
            Learner(["w"], training=Training(epochs=1)), place, workers=2,
            storage=place.parent / "run",
        )  # fmt: skip
    print(f"refused after {time.monotonic() - began:.1f} s")
    assert [each.name for each in place.parent.iterdir()] == ["table.parquet"]


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_answers_are_those_of_one_process(cluster, tmp_path, ending):
    run = learner().fit(TABLE).save(tmp_path / "run")
    asked = TABLE.select(["x", "kind"]).append_column("row", pa.array(range(ROWS)))
    for number in range(3):
        part = asked.slice(80 * number, 80)
        path = tmp_path / f"part-{number}.{ending}"
        if ending == "parquet":
            parquet.write_table(part, path)
        elif ending == "csv":
            csv.write_csv(part, path)
        else:
            part.to_pandas().to_json(path, orient="records", lines=True)
    one = load(run)
    expected = one.predict(asked, keep=["row"])
    told = clusters.predict(run, tmp_path / f"part-*.{ending}", tmp_path / "out", keep=["row"])
    assert told.rows == ROWS
    assert told.account.to_dict() == one.account.to_dict()
    paths = sorted(told.output.glob("*.parquet"))
    found = pa.concat_tables([parquet.read_table(path) for path in paths])
    assert found.column_names == expected.column_names
    assert found["row"].to_pylist() == list(range(ROWS))
    assert found["y"].to_pylist() == pytest.approx(expected["y"].to_pylist(), abs=1e-6)
    assert found["z"].to_pylist() == expected["z"].to_pylist()
    with pytest.raises(ValueError, match="not there yet"):
        clusters.predict(run, tmp_path / f"part-*.{ending}", tmp_path / "out")


def test_a_dataset_of_ray_is_answered(cluster, tmp_path):
    import ray

    run = learner().fit(TABLE).save(tmp_path / "run")
    rows = ray.data.from_arrow([TABLE.slice(0, 100), TABLE.slice(100)])
    told = clusters.predict(run, rows, tmp_path / "out")
    assert told.rows == ROWS
    with pytest.raises(DataError, match="could not be answered on the cluster"):
        clusters.predict(run, rows.drop_columns(["x", "kind"]), tmp_path / "more")
    assert {each.name for each in tmp_path.iterdir()} == {"run", "out"}
