"""Geometry of voxels: space-filling curves, voxelisation, neighbour tables, the grid pyramid.

It knows nothing of learning. `voxelize` and `build_numpy_pyramid` need NumPy alone; what needs torch is
imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ffnet3d.registry import from_home
from ffnet3d.voxels.kernels import (
    Kernel,
    check_kernel,
    kernel_columns,
    kernel_extent,
    kernel_offsets,
    shrunk_kernel,
    sorted_kernels,
    strip_kernels,
)
from ffnet3d.voxels.numpy_keys import MAX_BITS
from ffnet3d.voxels.numpy_pyramid import NumpyLevel, NumpyPyramid, build_numpy_pyramid
from ffnet3d.voxels.voxelize import Voxels, grid_coordinates, group_cells, voxelize

if TYPE_CHECKING:
    from ffnet3d.voxels.batching import batch2offset, offset2batch
    from ffnet3d.voxels.hilbert import hilbert_decode, hilbert_encode
    from ffnet3d.voxels.keys import MAX_BATCH, check_grid, z_decode, z_encode
    from ffnet3d.voxels.neighbors import build_neighbors, crop_kernel, is_symmetric
    from ffnet3d.voxels.orders import ORDERS, serialize
    from ffnet3d.voxels.pyramid import Level, Pyramid, PyramidPlan, build_pyramid

__all__ = [
    "MAX_BATCH",
    "MAX_BITS",
    "ORDERS",
    "Kernel",
    "Level",
    "NumpyLevel",
    "NumpyPyramid",
    "Pyramid",
    "PyramidPlan",
    "Voxels",
    "batch2offset",
    "build_neighbors",
    "build_numpy_pyramid",
    "build_pyramid",
    "check_grid",
    "check_kernel",
    "crop_kernel",
    "grid_coordinates",
    "group_cells",
    "hilbert_decode",
    "hilbert_encode",
    "is_symmetric",
    "kernel_columns",
    "kernel_extent",
    "kernel_offsets",
    "offset2batch",
    "serialize",
    "shrunk_kernel",
    "sorted_kernels",
    "strip_kernels",
    "voxelize",
    "z_decode",
    "z_encode",
]

# Where the names that need torch live.
_HOMES = {
    "batching": ("batch2offset", "offset2batch"),
    "hilbert": ("hilbert_decode", "hilbert_encode"),
    "keys": ("MAX_BATCH", "check_grid", "z_decode", "z_encode"),
    "neighbors": ("build_neighbors", "crop_kernel", "is_symmetric"),
    "orders": ("ORDERS", "serialize"),
    "pyramid": ("Level", "Pyramid", "PyramidPlan", "build_pyramid"),
}


def __getattr__(name: str) -> Any:
    return from_home(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted(__all__)
