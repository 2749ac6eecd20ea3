"""Any file of points by its suffix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from ffnet3d.data.formats.cloud import Cloud
from ffnet3d.data.formats.renamed import RenamedCloud

Names: TypeAlias = "Sequence[str] | None"
Opener: TypeAlias = "Callable[[Path, Names], Cloud]"


def open_cloud(path: str | Path, names: Sequence[str] | None = None) -> Cloud:
    """The points of a file, or of a scene folder.

    `names` are those of its first columns, where the file does not name them or names them oddly. ValueError
    for what is missing, empty, without points, of an unknown suffix or not as its format asks.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder")
    if path.is_dir():
        cloud = _folder(path, names)
    else:
        opener = _opener(path)
        if path.stat().st_size == 0:
            raise ValueError(f"{path}: an empty file (0 bytes)")
        cloud = opener(path, names)
    if cloud.num_points == 0:
        raise ValueError(f"{path}: it holds no points")
    return cloud


def is_cloud(path: str | Path) -> bool:
    """Whether a path looks like a scan: a file of a known suffix, or a folder with coord.npy; none hidden."""
    path = Path(path)
    if path.name.startswith("."):
        return False
    return (path / "coord.npy").is_file() if path.is_dir() else path.suffix.lower() in SUFFIXES


def _opener(path: Path) -> Opener:
    suffix = path.suffix.lower()
    if suffix in OPENERS:
        return OPENERS[suffix]
    hint = HINTS.get(suffix, "write the points in one of these")
    raise ValueError(
        f"{path}: the suffix {suffix or '(none)'} is not one of a known format: {', '.join(SUFFIXES)}; {hint}"
    )


def _named(cloud: Cloud, names: Names) -> Cloud:
    return RenamedCloud(cloud, names) if names else cloud


def _ply(path: Path, names: Names) -> Cloud:
    from ffnet3d.data.formats.ply_cloud import PlyCloud

    return _named(PlyCloud(path), names)


def _pcd(path: Path, names: Names) -> Cloud:
    from ffnet3d.data.formats.pcd_cloud import PcdCloud

    return _named(PcdCloud(path), names)


def _las(path: Path, names: Names) -> Cloud:
    from ffnet3d.data.formats.las_cloud import LasCloud

    return _named(LasCloud(path), names)


def _e57(path: Path, names: Names) -> Cloud:
    from ffnet3d.data.formats.e57_cloud import E57Cloud

    return _named(E57Cloud(path), names)


def _text(path: Path, names: Names) -> Cloud:
    from ffnet3d.data.formats.text_cloud import TextCloud

    return TextCloud(path, names)


def _npy(path: Path, names: Names) -> Cloud:
    from ffnet3d.data.formats.npy_cloud import NpyCloud

    return NpyCloud(path, names)


def _npz(path: Path, names: Names) -> Cloud:
    from ffnet3d.data.formats.npz_cloud import NpzCloud

    return _named(NpzCloud(path), names)


def _folder(path: Path, names: Names) -> Cloud:
    from ffnet3d.data.formats.folder_cloud import FolderCloud

    return _named(FolderCloud(path), names)


OPENERS: Mapping[str, Opener] = {
    ".ply": _ply,
    ".pcd": _pcd,
    ".las": _las,
    ".laz": _las,
    ".e57": _e57,
    ".npy": _npy,
    ".npz": _npz,
    ".xyz": _text,
    ".txt": _text,
    ".csv": _text,
    ".pts": _text,
    ".asc": _text,
}

SUFFIXES = tuple(OPENERS)
"""Suffixes of the known formats, in lower case."""

MESH = "save the mesh as PLY, or sample points on it, with MeshLab or CloudCompare"
SCANNER = "export the scan as E57 or LAZ with the scanner's own program or CloudCompare"
HINTS: Mapping[str, str] = {
    **dict.fromkeys((".obj", ".stl", ".off", ".glb", ".gltf", ".fbx", ".dae", ".3ds", ".usdz"), MESH),
    **dict.fromkeys((".rcp", ".rcs", ".fls", ".lsproj", ".ptx", ".ptg", ".zfs", ".rdb", ".rdbx"), SCANNER),
    ".bin": "CloudCompare's own format: save it as PLY, LAS or E57 there",
    **dict.fromkeys((".gz", ".zip", ".7z", ".bz2", ".xz", ".tar"), "unpack it"),
    **dict.fromkeys(
        (".pth", ".pt"), "tensors of a data set: save its arrays as a scene folder (coord.npy ...)"
    ),
}
"""Suffix -> what to do with such a file."""
