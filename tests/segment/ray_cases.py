"""The queue on Ray: what the plain queue does, with workers that may be lost."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tqdm", reason="pip install 'ffnet3d[train]'")
if importlib.util.find_spec("ray") is None:  # not imported here: its environment comes first
    pytest.skip("Ray is not installed: pip install 'ffnet3d[ray]'", allow_module_level=True)
import queue_toys
from queue_toys import jobs_of, run, write_scans

from ffnet3d.segment import ray_cluster
from ffnet3d.segment.queue import QueueResult
from ffnet3d.segment.ray_cluster import core_share
from ffnet3d.segment.ray_queue import TRIES, run_on_ray


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[Any]:
    """One Ray of two cores for all tests; its start takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        search = [str(Path(queue_toys.__file__).parent), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(search))  # workers import the toys
        for name in ray_cluster.LOCAL:
            patch.delenv(name, raising=False)
        patch.setattr("ffnet3d.segment.ray_cluster.usable_cores", lambda: 2)
        with ray_cluster.joined(None) as ray:
            yield ray


def test_own_ray_is_for_this_machine_only(cluster: Any) -> None:
    assert [node["NodeManagerAddress"] for node in cluster.nodes()] == ["127.0.0.1"]


def on_ray(scans: Path, out: Path, log: Path | None = None, workers: int = 2) -> QueueResult:
    return run_on_ray(jobs_of(scans, out), partial(queue_toys.start, log), "key", out, workers=workers)


def files(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text().replace(str(folder), "OUT") for file in folder.iterdir()}


def test_results_are_those_of_the_plain_queue(tmp_path: Path) -> None:
    """Each result once, with a bad scan, a worker that is killed at work, and one that is killed when it has
    finished a scan but cannot yet say so. Later everything is kept, by either queue."""
    scans, log = tmp_path / "in", tmp_path / "log"
    paths = write_scans(scans, 12)
    paths[5].write_text("bad")
    paths[7].write_text("dies-once 7 1 2")
    paths[2].write_text("dies-finished 2 1 2")
    result = on_ray(scans, tmp_path / "ray", log)
    assert (len(result.done), len(result.kept), len(result.failed)) == (11, 0, 1)
    assert len(set(result.done)) == 11
    assert "not a number: 'bad'" in result.failed[0].error
    begun = {file.name: len(file.read_text().splitlines()) for file in log.iterdir() if file.name != "loaded"}
    assert begun == {path.stem: 2 if path is paths[7] else 1 for path in paths}
    assert len((log / "loaded").read_text().splitlines()) <= 4  # two workers, and two in place of the lost
    run(scans, tmp_path / "plain")
    ours, plain = files(tmp_path / "ray"), files(tmp_path / "plain")
    del ours["failed.json"], plain["failed.json"]
    assert ours == plain
    assert len(on_ray(scans, tmp_path / "ray").kept) == 11
    assert len(run(scans, tmp_path / "ray").kept) == 11


def test_scan_that_kills_every_worker_fails_at_last(tmp_path: Path) -> None:
    scans = tmp_path / "in"
    write_scans(scans, 4)[1].write_text("dies")
    result = on_ray(scans, tmp_path / "out", tmp_path / "log")
    assert len(result.done) == 3
    assert f"its worker was lost, {TRIES} times" in result.failed[0].error
    assert len((tmp_path / "log/scan001").read_text().splitlines()) == TRIES
    assert [Path(one["scan"]).name for one in json.loads((tmp_path / "out/failed.json").read_text())] == [
        "scan001.xyz"
    ]
    assert not list((tmp_path / "out").glob(".*"))


def test_network_that_cannot_be_loaded_stops_the_queue(tmp_path: Path) -> None:
    write_scans(tmp_path / "in", 3)
    jobs = jobs_of(tmp_path / "in", tmp_path / "out")
    with pytest.raises(ValueError, match=r"weights\.pth: not a checkpoint"):
        run_on_ray(jobs, queue_toys.broken_start, "key", tmp_path / "out", workers=1)
    with pytest.raises(ValueError, match=f"{TRIES} workers in turn were lost while they loaded the network"):
        run_on_ray(jobs, queue_toys.dying_start, "key", tmp_path / "out", workers=1)


@pytest.mark.parametrize(
    ("cores", "workers", "share"),
    [((2,), 1, 2), ((2,), 2, 1), ((8, 8), 2, 8), ((8, 8), 3, 4), ((8, 4), 2, 4), ((0, 4), 1, 4)],
)
def test_core_share(cores: tuple[int, ...], workers: int, share: int) -> None:
    assert core_share(cores, workers) == share


def test_core_share_refuses_more_workers_than_cores() -> None:
    with pytest.raises(ValueError, match="workers must be from 1 to the number of cores, 4, got 5"):
        core_share((2, 2), 5)
