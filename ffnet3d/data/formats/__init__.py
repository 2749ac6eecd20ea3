"""File formats of point clouds."""

from ffnet3d.data.formats.cloud import CHUNK, Addition, Cloud, Column, Rows
from ffnet3d.data.formats.ply import Ply, Ragged, read_ply
from ffnet3d.data.formats.ply_cloud import PlyCloud
from ffnet3d.data.formats.ply_write import write_ply

__all__ = [
    "CHUNK",
    "Addition",
    "Cloud",
    "Column",
    "Ply",
    "PlyCloud",
    "Ragged",
    "Rows",
    "read_ply",
    "write_ply",
]
