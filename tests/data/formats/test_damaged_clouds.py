"""Damaged files: each is read or refused with a ValueError that names it, within bounded memory.

PCD, LAS and text are parsed here; LAZ and E57, whose decoders are compiled, in a process of limited memory.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cloud_files import Open, mutated, read_or_refuse
from pcd_files import pcd_bytes, points

from ffnet3d.data.formats.pcd_cloud import PcdCloud
from ffnet3d.data.formats.text_cloud import TextCloud

CONSTANT = 8 << 20  # bytes that any reader may take
COMPILED = 300  # files of each kind

TEXTS = {
    "scan.xyz": "0.5 1 2.25 10 20 255\n-1e3 .5 3 0 0 0\n" * 20,
    "scan.csv": "x,y,z,label\r\n" + "1,-2.5,3,4\r\n" * 20,
    "scan.pts": "20\n" + "1 2 3 -1200 10 20 30\n" * 20,
    "scan.txt": "//X Y Z\n20\n" + "1\t2\tnan\n" * 20,
}


def damaged_files_are_read_or_refused(
    data: bytes, file: Path, open_cloud: Open, count: int, head: int
) -> None:
    """Read `count` damaged versions of a file, and look at the memory that this takes."""
    rng = np.random.default_rng(len(data))
    tracemalloc.start()
    try:
        results = []
        for _ in range(count):
            file.write_bytes(mutated(data, rng, head))
            tracemalloc.reset_peak()
            results.append(read_or_refuse(open_cloud, file))
            assert tracemalloc.get_traced_memory()[1] < CONSTANT + 20 * len(data)
    finally:
        tracemalloc.stop()
    assert not all(results)


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_pcd(tmp_path: Path, encoding: str) -> None:
    data = pcd_bytes(points(40), encoding)
    damaged_files_are_read_or_refused(data, tmp_path / "scan.pcd", PcdCloud, 350, 350)


@pytest.mark.parametrize("name", TEXTS)
def test_text(tmp_path: Path, name: str) -> None:
    damaged_files_are_read_or_refused(TEXTS[name].encode(), tmp_path / name, TextCloud, 150, 40)


@pytest.mark.parametrize(("point_format", "version"), [(3, "1.2"), (7, "1.4")])
def test_las(tmp_path: Path, point_format: int, version: str) -> None:
    pytest.importorskip("laspy", reason="laspy is not installed: pip install 'ffnet3d[io]'")
    from las_files import write_las

    from ffnet3d.data.formats.las_cloud import LasCloud

    file = tmp_path / "scan.las"
    write_las(file, 30, point_format, version)
    damaged_files_are_read_or_refused(file.read_bytes(), file, LasCloud, 250, 900)


def make_laz(file: Path) -> None:
    from las_files import write_las

    write_las(file, 200, 7, "1.4")


def make_e57(file: Path) -> None:
    from e57_files import scan, write_e57

    write_e57(file, [scan(200)])


READ_MANY = """
import resource, sys
from pathlib import Path
import numpy as np
from cloud_files import mutated, read_or_refuse
from e57_files import rechecked
from {module} import {name} as Opened
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
file, count = Path(sys.argv[1]), int(sys.argv[2])
data, rng = file.read_bytes(), np.random.default_rng(0)
for number in range(count):
    bad = mutated(data, rng, 1200)
    file.write_bytes(rechecked(bad) if file.suffix == ".e57" and rng.random() < 0.8 else bad)
    print(number, read_or_refuse(Opened, file), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are set as Linux has them")
@pytest.mark.parametrize(
    ("library", "suffix", "name", "make"),
    [("laspy", "laz", "LasCloud", make_laz), ("pye57", "e57", "E57Cloud", make_e57)],
)
def test_compiled_decoders(
    tmp_path: Path, library: str, suffix: str, name: str, make: Callable[[Path], None]
) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed: pip install 'ffnet3d[io]'")
    file = tmp_path / f"scan.{suffix}"
    make(file)
    module = "ffnet3d.data.formats." + {"laz": "las_cloud", "e57": "e57_cloud"}[suffix]
    code = READ_MANY.format(module=module, name=name)
    tests = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {tests!r}){code}", str(file), str(COMPILED)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == COMPILED
