"""A scan as a user has it, read as the points that a network wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.formats.cloud import CHUNK, Cloud, Rows
from ffnet3d.data.formats.open import open_cloud
from ffnet3d.data.formats.roles import Roles, find_roles
from ffnet3d.segment.features import ROOM_COLOR
from ffnet3d.segment.points import Points
from ffnet3d.segment.scan_colors import ColorRange
from ffnet3d.segment.scan_findings import Findings, look_into
from ffnet3d.segment.scan_options import ScanOptions
from ffnet3d.segment.scan_survey import stack, survey_cloud, usable

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScanChunk:
    """Some points of a scan.

    Args:
        points: those with finite coordinates.
        rows: [n] int64, their numbers in the file.
    """

    points: Points
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Scan:
    """A file of points, understood: what is where in it, its unit and its up axis.

    Args:
        cloud: the file.
        roles: its columns of coordinates, colours and normals.
        options: how it is read.
        features: what the network wants to know of its points.
        num_valid: points with finite coordinates; the others get no label.
        origin: [3], in the file's unit and axes; points are given from here.
        bounds: [2, 3] lowest and highest corner of the points that `chunks` gives, in metres, z up.
        spacing: median distance from a point to its nearest, about, metres; 0 where nothing tells it.
        colors: the range of the file's colours; None where it has none.
        has_normal: its normals are of use.
        notes: what was recognised or is filled in, a line each.
        warnings: what may make the labels worse, a line each.
    """

    cloud: Cloud
    roles: Roles
    options: ScanOptions
    features: tuple[str, ...]
    num_valid: int
    origin: Floats
    bounds: Floats
    spacing: float
    colors: ColorRange | None
    has_normal: bool
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def num_points(self) -> int:
        """Points of the file, all of them."""
        return self.cloud.num_points

    @property
    def has_color(self) -> bool:
        """The file has colours that say something."""
        return self.colors is not None and not self.colors.empty

    @property
    def needs_normals(self) -> bool:
        """The network wants normals that the file lacks: they are to be estimated."""
        return "normal" in self.features and not self.has_normal

    def chunks(self, rows: int = CHUNK) -> Iterator[ScanChunk]:
        """The points with finite coordinates in the file's order, from at most `rows` of the file at a time.

        Colours and normals come where the network wants them and the file has them.
        """
        start = 0
        for chunk in self.cloud.chunks(rows):
            coord = stack(chunk, self.roles.coord)
            total, valid = len(coord), np.isfinite(coord).all(axis=1)
            if not valid.all():
                coord, chunk = coord[valid], {name: values[valid] for name, values in chunk.items()}
            yield ScanChunk(self._points(coord, chunk), np.flatnonzero(valid) + start)
            start += total

    def _points(self, coord: Floats, chunk: Rows) -> Points:
        color, normal = None, None
        if "color" in self.features and self.has_color and self.roles.color and self.colors:
            color = self.colors.to_bytes(stack(chunk, self.roles.color, own_type=True), ROOM_COLOR)
        if "normal" in self.features and self.has_normal and self.roles.normal:
            normal = unit_vectors(self.options.turn(stack(chunk, self.roles.normal)))
        return Points(to_metres(coord, self.origin, self.options), color, normal)


def open_scan(path: str | Path, options: ScanOptions, features: tuple[str, ...], rows: int = CHUNK) -> Scan:
    """Read a scan once, `rows` points at a time, and tell how to read it for a network of these features.

    Raises ValueError naming the file: what `open_cloud` and `find_roles` refuse, no point with finite
    coordinates, colours of no known range, and coordinates that cannot be metres while no unit is given.
    """
    cloud = open_cloud(path, options.columns)
    roles = find_roles(cloud.columns, cloud.file)
    survey = survey_cloud(cloud, roles.coord, roles.color, roles.normal, rows)
    if survey.num_valid == 0:
        raise ValueError(f"{cloud.file}: none of its {cloud.num_points} points has finite coordinates")
    findings: Findings = look_into(cloud, roles, survey, options, features)
    # From the lowest corner, z up: the voxels, and so the labels, depend on neither unit, origin nor axes.
    origin = np.where(options.turned_back, survey.high, survey.low)
    corners = to_metres(np.stack([survey.low, survey.high]), origin, options).astype(np.float64)
    return Scan(
        cloud=cloud,
        roles=roles,
        options=options,
        features=features,
        num_valid=survey.num_valid,
        origin=origin,
        bounds=np.stack([corners.min(axis=0), corners.max(axis=0)]),
        spacing=findings.spacing,
        colors=findings.colors,
        has_normal=findings.has_normal,
        notes=findings.notes,
        warnings=findings.warnings,
    )


def to_metres(coord: Floats, origin: Floats, options: ScanOptions) -> NDArray[np.float32]:
    """Coordinates [N, 3] of the file as metres from the origin, z up."""
    metres: NDArray[np.float32] = options.turn((coord - origin) * options.scale).astype(np.float32)
    return metres


def unit_vectors(normals: Floats) -> NDArray[np.float32]:
    """Normals [N, 3] at unit length; zero where they have no direction."""
    fine = usable(normals)
    length = np.sqrt(np.square(normals).sum(axis=1, where=fine[:, None]))
    units: NDArray[np.float32] = np.where(
        fine[:, None], normals / np.where(fine, length, 1)[:, None], 0
    ).astype(np.float32)
    return units
