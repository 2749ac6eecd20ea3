"""A scan of an E57 file: the fields of its points, its pose, and its points in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.data.formats.cloud import Rows

CARTESIAN = ("cartesianX", "cartesianY", "cartesianZ")
SPHERICAL = ("sphericalRange", "sphericalAzimuth", "sphericalElevation")
COLORS = {"colorRed": "red", "colorGreen": "green", "colorBlue": "blue"}
PREFIX = "ffnet3d"
INTEGERS = ("u1", "i1", "u2", "i2", "u4", "i4", "i8")


@dataclass(frozen=True)
class Field:
    """A number of each point.

    Args:
        name: in the file.
        node: its description there, a node of libe57.
        dtype: in which it is read.
        bits: of it in the file.
        scale: and offset of a scaled integer, which is read as float64.
    """

    name: str
    node: Any
    dtype: np.dtype
    bits: int
    scale: tuple[float, float] | None = None

    @property
    def column(self) -> str:
        """Its name as a column."""
        return COLORS.get(self.name, self.name.removeprefix(f"{PREFIX}:"))

    @property
    def stored(self) -> np.dtype:
        """The type of what the file holds: the integer before it is scaled."""
        return np.dtype("i8") if self.scale else self.dtype


class Points:
    """Points of numbers, or other records of them; `odd` names what a record has beside numbers."""

    def __init__(self, file: Path, libe57: Any, image: Any, node: Any) -> None:
        self.file, self.libe57, self.image, self.node = file, libe57, image, node
        self.count = int(node.childCount())
        prototype = libe57.StructureNode(node.prototype())
        children = [prototype.get(place) for place in range(prototype.childCount())]
        found = {child.elementName(): make_field(libe57, child) for child in children}
        self.fields = [field for field in found.values() if field]
        self.odd = [name for name, field in found.items() if field is None]
        bits = max(sum(field.bits for field in self.fields), 1)
        if self.count * bits > 8 * file.stat().st_size:
            raise ValueError(
                f"{file}: its header promises {self.count} points of {bits} bits, more than the file holds"
            )

    def read(self, rows: int, scaled: bool) -> Iterator[Rows]:
        """The fields of the points under the file's names; unscaled, they are as the file holds them."""
        if not self.count:
            return  # libe57 makes no reader for none
        size = min(rows, self.count)
        types = {field.name: field.dtype if scaled else field.stored for field in self.fields}
        arrays = {name: np.empty(size, buffer_dtype(dtype)) for name, dtype in types.items()}
        reader = self.node.reader(make_buffers(self.libe57, self.image, arrays, scaled))
        left = self.count
        while left:
            got = int(reader.read())
            if not 0 < got <= min(left, size):
                raise ValueError(f"{self.file}: a scan ends {left} points too early")
            left -= got
            yield {name: array[:got].astype(types[name]) for name, array in arrays.items()}
        reader.close()


class Scan(Points):
    """One scan of points; ValueError where it has no coordinates."""

    def __init__(self, file: Path, libe57: Any, image: Any, scan: Any) -> None:
        super().__init__(file, libe57, image, libe57.CompressedVectorNode(scan.get("points")))
        self.scan = scan
        names = {field.name for field in self.fields}
        self.coord = next((triple for triple in (CARTESIAN, SPHERICAL) if names.issuperset(triple)), None)
        if self.coord is None:
            raise ValueError(
                f"{file}: a scan has no coordinates, but {', '.join(sorted(names)) or 'nothing'}"
            )

    @cached_property
    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Rotation [3, 3] and translation [3] from the scan to the whole."""
        rotation, translation = [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        if self.scan.isDefined("pose"):
            pose = self.libe57.StructureNode(self.scan.get("pose"))
            if pose.isDefined("rotation"):
                rotation = self._numbers(pose.get("rotation"), "wxyz")
            if pose.isDefined("translation"):
                translation = self._numbers(pose.get("translation"), "xyz")
        return rotation_matrix(*rotation), np.array(translation)

    def columns(self) -> dict[str, np.dtype]:
        """The columns beside the coordinates, and their types."""
        return {
            field.column: field.dtype for field in self.fields if field.name not in (*CARTESIAN, *SPHERICAL)
        }

    def rows(self, rows: int) -> Iterator[Rows]:
        """The points under the names of columns: x, y, z in the whole's frame, NaN where they are invalid."""
        for raw in self.read(rows, scaled=True):
            coord = self._placed(*(raw[name] for name in self.coord or ()))
            invalid = raw.get("cartesianInvalidState" if self.coord == CARTESIAN else "sphericalInvalidState")
            if invalid is not None:
                coord[invalid != 0] = np.nan
            columns = {field.column: raw[field.name] for field in self.fields}
            yield {**columns, "x": coord[:, 0].copy(), "y": coord[:, 1].copy(), "z": coord[:, 2].copy()}

    def _placed(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Coordinates of the scan, or its range, azimuth and elevation, as [n, 3] in the whole's frame."""
        with np.errstate(all="ignore"):  # what is no finite number stays none
            x, y, z = x.astype(np.float64), y.astype(np.float64), z.astype(np.float64)
            if self.coord == SPHERICAL:
                x, y, z = x * np.cos(z) * np.cos(y), x * np.cos(z) * np.sin(y), x * np.sin(z)
            rotation, translation = self.pose
            placed: np.ndarray = np.stack([x, y, z], axis=1) @ rotation.T + translation
            return placed

    def _numbers(self, node: Any, names: str) -> list[float]:
        structure = self.libe57.StructureNode(node)
        return [float(as_number(self.libe57, structure.get(name)).value()) for name in names]


def make_field(libe57: Any, node: Any) -> Field | None:
    """The field that a prototype's node describes; None unless it is a number."""
    kind, name = node.type(), node.elementName()
    if kind == libe57.E57_INTEGER:
        integer = libe57.IntegerNode(node)
        low, high = integer.minimum(), integer.maximum()
        fitting = (code for code in INTEGERS if np.iinfo(code).min <= low and high <= np.iinfo(code).max)
        return Field(name, integer, np.dtype(next(fitting)), int(high - low).bit_length())
    if kind == libe57.E57_SCALED_INTEGER:
        scaled = libe57.ScaledIntegerNode(node)
        bits = int(scaled.maximum() - scaled.minimum()).bit_length()
        return Field(name, scaled, np.dtype("f8"), bits, (scaled.scale(), scaled.offset()))
    if kind == libe57.E57_FLOAT:
        real = libe57.FloatNode(node)
        single = real.precision() == libe57.E57_SINGLE
        return Field(name, real, np.dtype("f4" if single else "f8"), 32 if single else 64)
    return None


def as_number(libe57: Any, node: Any) -> Any:
    """A node as the number that it is."""
    kinds = {libe57.E57_INTEGER: libe57.IntegerNode, libe57.E57_FLOAT: libe57.FloatNode}
    return kinds[node.type()](node)


def buffer_dtype(dtype: np.dtype) -> np.dtype:
    """The type in which libe57 takes numbers: of integers beyond 16 bits, only `long long` is right."""
    return np.dtype("q") if dtype.kind in "iu" and dtype.itemsize > 2 else dtype.newbyteorder("=")


def make_buffers(libe57: Any, image: Any, arrays: Rows, scaled: bool) -> Any:
    """libe57's view of arrays, which must live as long."""
    buffers = libe57.VectorSourceDestBuffer()
    for name, array in arrays.items():
        buffers.append(libe57.SourceDestBuffer(image, name, array, len(array), True, scaled))
    return buffers


def rotation_matrix(w: float, x: float, y: float, z: float) -> np.ndarray:
    """The rotation [3, 3] of a quaternion; the identity for one of length 0."""
    norm = float(np.sqrt(w * w + x * x + y * y + z * z))
    if norm == 0:
        return np.eye(3)
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
