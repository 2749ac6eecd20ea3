"""Where the scans of ScanNet lie in a download, and which files each of them has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ffnet3d.data.prepare.job import SceneJob
from ffnet3d.data.prepare.places import check_source
from ffnet3d.data.prepare.scannet_splits import SCAN, read_splits

MESH = "_vh_clean_2.ply"
NEEDS = "name the folder of the download that holds scans/"


@dataclass(frozen=True)
class ScanFiles:
    """The files of the scan in `folder`; all but the mesh may be missing."""

    folder: Path

    @property
    def mesh(self) -> Path:
        return self._file(MESH)

    @property
    def segments(self) -> Path:
        return self._file("_vh_clean_2.0.010000.segs.json")

    @property
    def groups(self) -> Path:
        return self._file(".aggregation.json")

    @property
    def labels(self) -> Path:
        return self._file("_vh_clean_2.labels.ply")

    def sources(self) -> tuple[Path, ...]:
        """The mesh, and whatever else is there."""
        others = (self.segments, self.groups, self.labels)
        return (self.mesh, *(file for file in others if file.is_file()))

    def _file(self, ending: str) -> Path:
        return self.folder / f"{self.folder.name}{ending}"


def find_download(source: Path) -> Path:
    """The folder that holds scans, or `scans*` with scans: `source`, or the one folder in it that does."""
    check_source(source, NEEDS, f"*{MESH}")
    if _is_scan(source.resolve()):
        raise ValueError(f"{source} is a single scan: name the folder that holds it")
    if _scans(source):
        return source
    roots = [folder for folder in _folders(source) if _scans(folder)]
    if not roots:
        raise ValueError(
            f"{source}: no scans: neither it nor a scans*/ in it holds folders such as scene0000_00; {NEEDS}"
        )
    if len(roots) > 1:
        raise ValueError(f"{source} holds several folders of scans, name one: {', '.join(map(str, roots))}")
    return roots[0]


def list_scans(root: Path) -> list[SceneJob]:
    """A job for each scan of a download, sorted by name."""
    splits = read_splits(root)
    return [
        SceneJob(
            name=folder.name,
            split=splits.get(folder.name, "test"),
            target=Path(splits.get(folder.name, "test"), folder.name),
            source_root=root,
            sources=ScanFiles(folder).sources(),
        )
        for folder in _scans(root)
    ]


def _scans(root: Path) -> list[Path]:
    """Folders of scans in `root` and in its `scans*`, sorted by name."""
    roots = [root, *sorted(path for path in root.glob("scans*") if path.is_dir())]
    return sorted((path for one in roots for path in _folders(one) if _is_scan(path)), key=_name)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _is_scan(path: Path) -> bool:
    return path.is_dir() and (SCAN.fullmatch(path.name) is not None or ScanFiles(path).mesh.is_file())


def _name(path: Path) -> str:
    return path.name
