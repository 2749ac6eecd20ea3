"""Which columns are coordinates, colours, normals and labels, by the names that programs give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ffnet3d.data.formats.cloud import Column

Triple: TypeAlias = "tuple[str, str, str]"

COORD: tuple[Triple, ...] = (
    ("x", "y", "z"),
    ("cartesianx", "cartesiany", "cartesianz"),  # E57
    ("px", "py", "pz"),
    ("pos_x", "pos_y", "pos_z"),
    ("position_x", "position_y", "position_z"),
    ("coord_x", "coord_y", "coord_z"),
    ("x_coordinate", "y_coordinate", "z_coordinate"),
)
COLOR: tuple[Triple, ...] = (
    ("red", "green", "blue"),
    ("r", "g", "b"),
    ("colorred", "colorgreen", "colorblue"),  # E57
    ("color_red", "color_green", "color_blue"),
    ("diffuse_red", "diffuse_green", "diffuse_blue"),
    ("color_r", "color_g", "color_b"),
    ("rf", "gf", "bf"),  # CloudCompare's colours in 0-1
)
NORMAL: tuple[Triple, ...] = (
    ("nx", "ny", "nz"),
    ("normal_x", "normal_y", "normal_z"),  # PCL
    ("normalx", "normaly", "normalz"),  # E57
    ("n_x", "n_y", "n_z"),
    ("scalar_nx", "scalar_ny", "scalar_nz"),  # CloudCompare's PLY
)
LABEL: tuple[str, ...] = (
    "segment",
    "segment20",
    "segment200",
    "label",
    "labels",
    "semantic",
    "semantics",
    "semantic_label",
    "semantic_labels",
    "semantic_class",
    "semantic_gt",
    "class",
    "class_id",
    "classes",
    "category",
    "classification",
    "scalar_label",
    "scalar_class",
    "scalar_classification",
)
"""Spellings, the likeliest first, compared without case."""


@dataclass(frozen=True)
class Roles:
    """The columns that hold what a network reads, in the file's own spelling; None where there is none."""

    coord: Triple
    color: Triple | None = None
    normal: Triple | None = None
    label: str | None = None


def find_roles(columns: Sequence[Column], file: Path) -> Roles:
    """The roles of a file's columns; ValueError naming the columns where none are coordinates."""
    spelt = _spellings(columns)
    coord = _triple(spelt, COORD)
    if coord is None:
        there = ", ".join(column.name for column in columns) or "none"
        raise ValueError(
            f"{file}: no coordinates among its columns ({there}); say what its columns are, in their order: "
            "--columns x,y,z,red,green,blue"
        )
    label = next((spelt[name] for name in LABEL if name in spelt), None)
    return Roles(coord, _triple(spelt, COLOR), _triple(spelt, NORMAL), label)


def _spellings(columns: Sequence[Column]) -> dict[str, str]:
    """Name in lower case, without a prefix of E57's extensions -> the file's spelling; numbers only.

    Of `x` and `X` the one in lower case counts.
    """
    spelt: dict[str, str] = {}
    for column in columns:
        plain = column.name.rpartition(":")[2].strip().lower()
        if column.dtype.kind in "fiub" and (plain not in spelt or column.name == plain):
            spelt[plain] = column.name
    return spelt


def _triple(spelt: Mapping[str, str], known: Sequence[Triple]) -> Triple | None:
    """The first of the known triples that is there whole."""
    for x, y, z in known:
        if x in spelt and y in spelt and z in spelt:
            return spelt[x], spelt[y], spelt[z]
    return None
