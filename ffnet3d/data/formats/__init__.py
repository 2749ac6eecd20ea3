"""File formats of point clouds.

`open_cloud` reads any of them; their classes live in the modules named after them.
"""

from ffnet3d.data.formats.cloud import CHUNK, Addition, Cloud, Column, Rows
from ffnet3d.data.formats.folder_cloud import FolderCloud
from ffnet3d.data.formats.npy_cloud import NpyCloud
from ffnet3d.data.formats.npz_cloud import NpzCloud
from ffnet3d.data.formats.open import SUFFIXES, is_cloud, open_cloud
from ffnet3d.data.formats.ply import Ply, Ragged, read_ply
from ffnet3d.data.formats.ply_cloud import PlyCloud
from ffnet3d.data.formats.ply_write import write_ply
from ffnet3d.data.formats.roles import Roles, find_roles

__all__ = [
    "CHUNK",
    "SUFFIXES",
    "Addition",
    "Cloud",
    "Column",
    "FolderCloud",
    "NpyCloud",
    "NpzCloud",
    "Ply",
    "PlyCloud",
    "Ragged",
    "Roles",
    "Rows",
    "find_roles",
    "is_cloud",
    "open_cloud",
    "read_ply",
    "write_ply",
]
