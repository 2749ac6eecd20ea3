"""Roles of columns: found by the names that programs give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ffnet3d.data.formats import Column, Roles, find_roles

FILE = Path("scan.ply")


def roles(names: str, kind: str = "f4") -> Roles:
    return find_roles([Column(name, np.dtype(kind)) for name in names.split()], FILE)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("x y z", Roles(("x", "y", "z"))),
        ("z red X blue Y green alpha", Roles(("X", "Y", "z"), ("red", "green", "blue"))),
        ("x y z R G B class", Roles(("x", "y", "z"), ("R", "G", "B"), None, "class")),
        (
            "cartesianX cartesianY cartesianZ colorRed colorGreen colorBlue "
            "nor:normalX nor:normalY nor:normalZ",
            Roles(
                ("cartesianX", "cartesianY", "cartesianZ"),
                ("colorRed", "colorGreen", "colorBlue"),
                ("nor:normalX", "nor:normalY", "nor:normalZ"),
            ),
        ),
        (
            "x y z diffuse_red diffuse_green diffuse_blue nx ny nz scalar_Label",
            Roles(
                ("x", "y", "z"),
                ("diffuse_red", "diffuse_green", "diffuse_blue"),
                ("nx", "ny", "nz"),
                "scalar_Label",
            ),
        ),
        ("X Y Z x y z classification", Roles(("x", "y", "z"), label="classification")),
        ("x y z X Y Z classification", Roles(("x", "y", "z"), label="classification")),
        ("x y z label segment20", Roles(("x", "y", "z"), label="segment20")),
        ("x y z red green nx ny", Roles(("x", "y", "z"))),
        ("x y z label_red label_green label_blue", Roles(("x", "y", "z"))),
        (
            "x y z normal_x normal_y normal_z",
            Roles(("x", "y", "z"), normal=("normal_x", "normal_y", "normal_z")),
        ),
    ],
)
def test_known_spellings(names: str, expected: Roles) -> None:
    assert roles(names) == expected


def test_no_coordinates_are_named_with_the_remedy() -> None:
    with pytest.raises(
        ValueError, match=r"scan\.ply: no coordinates among its columns \(x, y, height\).*--columns x,y,z"
    ):
        roles("x y height")
    with pytest.raises(ValueError, match=r"no coordinates among its columns \(none\)"):
        roles("")
    with pytest.raises(ValueError, match="no coordinates"):
        roles("x y z", "S4")
