"""The points of a scan, as the network's units have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Points:
    """Points of a scan, or of a part of it.

    Args:
        coord: [N, 3] float32, metres, z up, from an origin near the scan.
        color: [N, 3] float32 or uint8, 0-255; None where there are none.
        normal: [N, 3] float32, unit length; None where there are none.
    """

    coord: NDArray[np.float32]
    color: NDArray[np.generic] | None = None
    normal: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.coord)

    def take(self, rows: NDArray[np.generic] | slice) -> Points:
        """Some of the points, by mask, numbers or slice."""
        color = None if self.color is None else self.color[rows]
        normal = None if self.normal is None else self.normal[rows]
        return Points(self.coord[rows], color, normal)


def join(parts: list[Points]) -> Points:
    """Points of several parts, one after another; all have colours, or none, and so for normals."""
    colors = [part.color for part in parts if part.color is not None]
    normals = [part.normal for part in parts if part.normal is not None]
    return Points(
        np.concatenate([part.coord for part in parts]),
        np.concatenate(colors) if colors else None,
        np.concatenate(normals) if normals else None,
    )
