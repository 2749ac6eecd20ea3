"""Points with normals on simple surfaces, drawn on a jittered lattice so that they cover evenly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
BOX_FACES = "xXyYzZ"


def vector(x: float, y: float, z: float) -> Array:
    """The three numbers as float64 [3]."""
    return np.array((x, y, z), dtype=np.float64)


def turn(points: Array, angle: float) -> Array:
    """Rotate points [N, 3] about the z axis by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned: Array = points @ np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return turned


@dataclass
class Surface:
    """Samples of a surface."""

    points: Array  # [N, 3] metres
    normals: Array  # [N, 3] unit, pointing out of the solid
    paint: NDArray[np.int64]  # [N] number of the paint that covers the point

    def moved(self, position: ArrayLike, angle: float = 0.0) -> Surface:
        """The surface turned about z by `angle` radians, then shifted by `position` [3] metres."""
        return Surface(turn(self.points, angle) + np.asarray(position), turn(self.normals, angle), self.paint)

    def at(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Surface:
        """The samples that a mask [N] or indices [M] choose."""
        return Surface(self.points[chosen], self.normals[chosen], self.paint[chosen])


def join(surfaces: Sequence[Surface]) -> Surface:
    """All samples of some surfaces as one; an empty surface if there are none."""
    if not surfaces:
        return Surface(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, dtype=np.int64))
    return Surface(
        np.concatenate([s.points for s in surfaces]),
        np.concatenate([s.normals for s in surfaces]),
        np.concatenate([s.paint for s in surfaces]),
    )


class Sampler:
    """Draws samples `spacing` metres apart, and hands out paint numbers."""

    def __init__(self, spacing: float, rng: np.random.Generator) -> None:
        self.spacing = spacing
        self.rng = rng
        self.paints = 0

    def new_paint(self) -> int:
        """A paint number not used before."""
        self.paints += 1
        return self.paints - 1

    def _unit_lattice(self, width: float, height: float) -> Array:
        """Jittered lattice [N, 2] in 0..1 for a patch of that size, thinner if it is a narrow strip."""
        columns = max(1, round(width / self.spacing))
        rows = max(1, round(height / self.spacing))
        cell = np.arange(columns * rows)
        lattice = np.stack((cell % columns, cell // columns), 1) + self.rng.random((len(cell), 2))
        lattice /= (columns, rows)
        share = min(1.0, width / self.spacing) * min(1.0, height / self.spacing)
        return lattice if share == 1 else lattice[self.rng.random(len(cell)) < share]

    def rectangle(self, corner: Array, u: Array, v: Array, paint: int) -> Surface:
        """The parallelogram from `corner` along `u` and `v` (all [3]); its normal is u x v."""
        width, height = np.linalg.norm(u), np.linalg.norm(v)
        uv = self._unit_lattice(float(width), float(height))
        normal = vector(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
        normal /= np.linalg.norm(normal)
        points = corner + uv[:, :1] * u + uv[:, 1:] * v
        return Surface(points, np.tile(normal, (len(uv), 1)), np.full(len(uv), paint))

    def box(self, corner: Array, u: Array, v: Array, w: Array, paint: int, faces: str = BOX_FACES) -> Surface:
        """Faces of the right-handed box on the edges u, v, w [3]; `x` is the face at u = 0, `X` at u = 1."""
        sides = {
            "x": (corner, w, v),
            "X": (corner + u, v, w),
            "y": (corner, u, w),
            "Y": (corner + v, w, u),
            "z": (corner, v, u),
            "Z": (corner + w, u, v),
        }
        return join([self.rectangle(*sides[face], paint) for face in faces])

    def block(self, base: ArrayLike, size: Sequence[float], paint: int, faces: str = BOX_FACES) -> Surface:
        """An upright box: `base` [3] is the middle of its bottom, `size` its extent in x, y, z."""
        corner = np.asarray(base) - vector(size[0] / 2, size[1] / 2, 0)
        edges = np.diag(np.asarray(size, dtype=np.float64))
        return self.box(corner, edges[0], edges[1], edges[2], paint, faces)

    def cylinder(self, base: ArrayLike, radius: float, height: float, paint: int, caps: str = "Z") -> Surface:
        """An upright cylinder on `base` [3]; `caps` may hold `z` (bottom) and `Z` (top)."""
        lattice = self._unit_lattice(2 * np.pi * radius, height)
        angle = 2 * np.pi * lattice[:, 0]
        normals = np.stack((np.cos(angle), np.sin(angle), np.zeros(len(angle))), 1)
        points = radius * normals + lattice[:, 1:] * vector(0, 0, height)
        side = Surface(points, normals, np.full(len(angle), paint))
        discs = [self.disc(radius, height * (cap == "Z"), cap == "Z", paint) for cap in caps]
        return join([side, *discs]).moved(base)

    def disc(self, radius: float, height: float, up: bool, paint: int) -> Surface:
        """A horizontal disc about the z axis at that height, facing up or down."""
        lattice = (2 * self._unit_lattice(2 * radius, 2 * radius) - 1) * radius
        lattice = lattice[np.linalg.norm(lattice, axis=1) <= radius]
        points = np.concatenate((lattice, np.full((len(lattice), 1), height)), 1)
        normals = np.tile(vector(0, 0, 1.0 if up else -1.0), (len(lattice), 1))
        return Surface(points, normals, np.full(len(lattice), paint))

    def ellipsoid(self, centre: ArrayLike, radii: Sequence[float], paint: int) -> Surface:
        """An ellipsoid with these radii [3] along x, y, z."""
        area = 4 * np.pi * float(np.mean(np.square(radii)))
        normals = self.rng.normal(size=(max(4, round(area / self.spacing**2)), 3))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        points = normals * radii
        slope = normals / np.asarray(radii)
        slope /= np.linalg.norm(slope, axis=1, keepdims=True)
        return Surface(points, slope, np.full(len(points), paint)).moved(centre)
