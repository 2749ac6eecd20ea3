"""File formats of point clouds."""

from ffnet3d.data.formats.ply import Ply, Ragged, read_ply
from ffnet3d.data.formats.ply_write import write_ply

__all__ = ["Ply", "Ragged", "read_ply", "write_ply"]
