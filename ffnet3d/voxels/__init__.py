"""Geometry of voxels: space-filling curves, voxelisation, neighbour tables, the grid pyramid.

It knows nothing of learning, and needs torch and numpy only.
"""

from ffnet3d.voxels.batching import batch2offset, offset2batch
from ffnet3d.voxels.hilbert import hilbert_decode, hilbert_encode
from ffnet3d.voxels.keys import MAX_BATCH, MAX_BITS, check_grid, z_decode, z_encode
from ffnet3d.voxels.neighbors import build_neighbors, crop_kernel, is_symmetric
from ffnet3d.voxels.orders import ORDERS, serialize
from ffnet3d.voxels.pyramid import Level, Pyramid, PyramidPlan, build_pyramid
from ffnet3d.voxels.voxelize import Voxels, grid_coordinates, voxelize

__all__ = [
    "MAX_BATCH",
    "MAX_BITS",
    "ORDERS",
    "Level",
    "Pyramid",
    "PyramidPlan",
    "Voxels",
    "batch2offset",
    "build_neighbors",
    "build_pyramid",
    "check_grid",
    "crop_kernel",
    "grid_coordinates",
    "hilbert_decode",
    "hilbert_encode",
    "is_symmetric",
    "offset2batch",
    "serialize",
    "voxelize",
    "z_decode",
    "z_encode",
]
