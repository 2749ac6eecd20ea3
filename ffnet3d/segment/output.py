"""A labelled scan: where it goes, and what is written there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ffnet3d.data.formats.open import SUFFIXES, open_cloud
from ffnet3d.segment.label_columns import Paint, label_columns
from ffnet3d.segment.labels import Labels
from ffnet3d.segment.ply_copy import write_ply_copy
from ffnet3d.segment.scan import Scan

FORMATS = ("ply",)
"""What an answer may be written as, other than in its scan's own format."""


def write_labels(
    scan: Scan,
    labels: Labels,
    classes: Sequence[str],
    out: Path,
    paint: bool = False,
    format: str | None = None,
) -> tuple[str, ...]:
    """Write the scan again with labels, whole or not at all; the columns are those of `label_columns`.

    Returns the names of all columns written.

    Args:
        scan: all its points, columns and their order stay, in its own format.
        labels: [N] of all points of the file.
        classes: their names.
        out: see `output_path`.
        paint: class colours in place of the scan's own.
        format: "ply": a binary PLY file, see `write_ply_copy`; a scan that is one stays as it is.

    Raises:
        ValueError: naming the file, where labels are not one for each point, or a format cannot hold them.
    """
    file = scan.cloud.file
    if not len(labels.label) == len(labels.confidence) == scan.num_points:
        raise ValueError(f"{file}: {len(labels)} labels for {scan.num_points} points")
    _check_format(format)
    if format is None or file.suffix.lower() == f".{_plain(format)}":
        full = scan.colors.full if scan.colors else 255.0
        how = Paint(scan.cloud, scan.roles.color, full) if paint else None
        added = label_columns(labels, len(classes), scan.cloud.names, how)
        scan.cloud.copy(out, added)
        return tuple(dict.fromkeys((*scan.cloud.names, *(column.name for column in added.columns))))
    write_ply_copy(scan, labels, len(classes), out, paint)
    return open_cloud(out).names


def output_path(scan: Path, out: Path, format: str | None = None) -> Path:
    """Where the answer for a scan goes: `out` itself if that is a file's name, else the scan's name in `out`.

    A name with the suffix of a known format is a file's, unless there is a folder of that name. ValueError
    for an unknown format, a suffix that is not the format's, and for the scan itself.
    """
    _check_format(format)
    suffix = f".{_plain(format)}" if format else ("" if scan.is_dir() else scan.suffix)
    is_file = names_a_file(out)
    if is_file and out.suffix.lower() != suffix.lower():
        hint = "or give --format ply" if out.suffix.lower() == ".ply" else "or name a folder"
        raise ValueError(
            f"{out}: the answer for {scan} is written as {suffix or 'a scene folder'}: end the name so, "
            f"{hint}"
        )
    stem = scan.name if scan.is_dir() or not scan.suffix else scan.name[: -len(scan.suffix)]
    path = out if is_file else out / f"{stem}{suffix}"
    if path.resolve() == scan.resolve():
        raise ValueError(f"{path}: the answer would overwrite the scan; name another folder or file")
    return path


def names_a_file(out: Path) -> bool:
    """Whether `out` means the file of one answer: by its suffix, unless there is a folder of that name."""
    return out.suffix.lower() in SUFFIXES and not out.is_dir()


def _check_format(format: str | None) -> None:
    if format is not None and _plain(format) not in FORMATS:
        raise ValueError(
            f"unknown format {format!r}; known: {', '.join(FORMATS)}, or none for the scan's own"
        )


def _plain(format: str) -> str:
    return format.lower().lstrip(".")
