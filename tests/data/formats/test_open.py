"""Any file of points opened by its suffix."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from cloud_copies import addition, joined

from ffnet3d.data.formats import SUFFIXES, is_cloud, open_cloud, read_ply, write_ply

XYZ = np.arange(12, dtype=np.float32).reshape(4, 3)


def write_all(folder: Path) -> list[Path]:
    """The same four points in several formats."""
    write_ply(folder / "a.PLY", dict(zip("xyz", XYZ.T, strict=True)))
    np.save(folder / "b.npy", XYZ)
    np.savez(folder / "c.npz", coord=XYZ)
    (folder / "scene").mkdir()
    np.save(folder / "scene" / "coord.npy", XYZ)
    np.savetxt(folder / "e.xyz", XYZ)
    return sorted(folder.iterdir())


def test_every_kind_opens_and_is_known(tmp_path: Path) -> None:
    for path in write_all(tmp_path):
        cloud = open_cloud(str(path))
        assert is_cloud(path)
        assert cloud.num_points == 4
        held = joined(cloud)
        np.testing.assert_array_equal(np.stack([held[name] for name in "xyz"], axis=1), XYZ)


def test_names_may_be_stated_for_every_kind(tmp_path: Path) -> None:
    for path in write_all(tmp_path):
        cloud = open_cloud(path, ["z", "x", "y"])
        assert set(cloud.names[:3]) == {"z", "x", "y"}
        np.testing.assert_array_equal(joined(cloud)["z"], XYZ[:, 0])


def test_a_renamed_copy_keeps_the_names_of_the_file(tmp_path: Path) -> None:
    write_ply(
        tmp_path / "scan.ply", {"a": XYZ[:, 0], "b": XYZ[:, 1], "c": XYZ[:, 2], "d": np.zeros(4, np.uint8)}
    )
    cloud = open_cloud(tmp_path / "scan.ply", ["x", "y", "z", "label"])
    cloud.copy(tmp_path / "out.ply", addition({"label": np.arange(4), "confidence": np.ones(4)}))
    vertex = read_ply(tmp_path / "out.ply").elements["vertex"]
    assert list(vertex) == ["a", "b", "c", "d", "confidence"]
    assert vertex["d"].tolist() == [0, 1, 2, 3]
    with pytest.raises(
        ValueError, match=r"scan\.ply: 5 names are stated .*but there are 4 columns \(a, b, c, d\)"
    ):
        open_cloud(tmp_path / "scan.ply", list("xyzuv"))
    with pytest.raises(ValueError, match=r"scan\.ply: its columns would be d, b, c, d: d stands twice"):
        open_cloud(tmp_path / "scan.ply", ["d"])


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("scan.ply", None, "no such file or folder"),
        ("scan.ply", b"", "an empty file (0 bytes)"),
        ("scan.obj", b"v 0 0 0", "the suffix .obj is not one of a known format: .ply, .pcd, .las"),
        ("scan.obj", b"v 0 0 0", "save the mesh as PLY, or sample points on it"),
        ("scan.rcp", b"-", "export the scan as E57 or LAZ"),
        ("scan", b"-", "the suffix (none) is not one of a known format"),
        ("scan.ply.gz", b"-", "unpack it"),
        (
            "scan.ply",
            b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n",
            "it holds no points",
        ),
    ],
)
def test_what_cannot_be_opened(tmp_path: Path, name: str, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(
        ValueError, match=rf"{re.escape(name)}: .*{re.escape(message)}|{re.escape(f'{name}: {message}')}"
    ):
        open_cloud(tmp_path / name)


def test_what_is_a_scan(tmp_path: Path) -> None:
    (tmp_path / "rooms").mkdir()
    for name in (".hidden.ply", "notes.md", "scan.ply.tmp"):
        (tmp_path / name).touch()
        assert not is_cloud(tmp_path / name)
    assert not is_cloud(tmp_path / "rooms")
    assert not is_cloud(tmp_path / "missing.md")
    with pytest.raises(ValueError, match=r"rooms/coord\.npy is missing"):
        open_cloud(tmp_path / "rooms")
    assert all(is_cloud(tmp_path / f"scan{suffix.upper()}") for suffix in SUFFIXES)
