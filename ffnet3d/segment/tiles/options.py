"""How a large scan is cut into tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass

REACH_SHARE = 0.2
"""Of a network's reach, what a halo is by default: the rest counts for few labels, see docs/buildings.md."""
DEFAULT_HALO_CELLS = 4
"""The same where the reach is not known, in the network's coarsest cells."""
BRICK_CELLS = 4
"""Edge of a brick in the network's coarsest cells, or a divisor of it, to fit tiles of a given edge."""


@dataclass(frozen=True)
class TileOptions:
    """What to cut a scan into; lengths in metres.

    Args:
        tile: edge of cubic tiles; None: boxes that fill the budget, small where the scan is dense.
        halo: width of the surroundings that a tile is predicted with; None: a fifth of
            the network's reach, whole cells of its coarsest level, or four of them where that has no known
            bound.
        blend: how far from its border a tile still has a say on its neighbour; None: a quarter of the halo;
            0: none.
        voxels: most that the network gets at once. Memory grows with it.
        whole_up_to: points of a scan that is predicted at once, without a scratch file.

    Raises:
        ValueError: a length or a number that cannot be.
    """

    tile: float | None = None
    halo: float | None = None
    blend: float | None = None
    voxels: int = 500_000
    whole_up_to: int = 500_000

    def __post_init__(self) -> None:
        for name in ("tile", "halo", "blend"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a number of metres, not negative, got {value!r}")
        if self.voxels < 1:
            raise ValueError(
                f"voxels must be positive, the most that a network gets at once, got {self.voxels}"
            )
        if self.whole_up_to < 0:
            raise ValueError(f"whole_up_to must be a number of points, got {self.whole_up_to}")
