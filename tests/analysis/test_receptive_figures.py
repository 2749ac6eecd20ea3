"""What the figures and the coloured points hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ffnet3d.analysis.receptive_figures import draw_curves, draw_fields, project, ramp, write_field
from ffnet3d.analysis.receptive_radius import radial_field
from ffnet3d.analysis.receptive_summary import Receptive, Sample, Shown
from ffnet3d.data.formats.ply import read_ply

GRID = np.array([[4, 0, 0], [5, 0, 0], [5, 0, 3], [9, 2, 0]])
SHARES = np.array([[0.5, 0.4, 0.1, 0.0]])


def network(name: str = "net", grid_size: float = 0.1) -> Receptive:
    sample = Sample.of(radial_field(SHARES[0], GRID, 0))
    return Receptive(name, grid_size, (sample,), Shown(SHARES[0], GRID, 0))


def test_a_curve_a_network_over_metres_and_voxels() -> None:
    axes = draw_curves([network("one"), network("two")]).axes[0]
    curves = {line.get_label(): line.get_data() for line in axes.get_lines()}
    assert {"one", "two"} <= set(curves)
    metres, shares = curves["one"]
    assert shares[np.searchsorted(metres, 0.1)] == pytest.approx(90)
    assert shares[-1] == pytest.approx(100)
    assert axes.child_axes[0].get_xlabel() == "radius, voxels of 10 cm"


def test_voxels_of_two_sizes_have_no_common_axis() -> None:
    assert not draw_curves([network(), network("two", 0.2)]).axes[0].child_axes


def test_a_picture_a_network_and_view_on_one_ramp() -> None:
    figure = draw_fields([network("one"), network("two")])
    *views, bar = figure.axes
    assert [axes.get_title() for axes in views[:3]] == [
        "one, from above",
        "two, from above",
        "one, from the side",
    ]
    assert bar.get_xlabel() == "contribution of a voxel, share of all"
    assert {axes.images[1].get_clim() for axes in views} == {(0.5e-6, 0.5)}
    ring = views[0].get_lines()[0]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == pytest.approx((-0.25, -0.1))
    side = views[2].get_lines()[0]
    assert (side.get_xdata()[0], side.get_ydata()[0]) == pytest.approx((-0.25, 0.05))


def test_a_long_scan_lies_across_without_being_mirrored() -> None:
    turned = replace(network(), shown=Shown(SHARES[0], GRID[:, [1, 0, 2]], 0))
    above, side, _ = draw_fields([turned]).axes
    assert (above.get_xlabel(), above.get_ylabel()) == ("y from the middle (m)", "x from the middle (m)")
    assert above.yaxis.get_inverted()
    assert above.get_xlim() == pytest.approx((-0.3, 0.3))
    assert side.get_xlabel() == "y from the middle (m)"
    assert not side.yaxis.get_inverted()


def test_no_network_is_an_error() -> None:
    for draw in (draw_curves, draw_fields):
        with pytest.raises(ValueError, match="no network to draw"):
            draw([])


def test_a_column_shows_its_largest() -> None:
    image = project(np.array([1.0, 2.0, 3.0, 0.0]), GRID[:, :2])
    assert image.shape == (6, 3)
    assert (image[0, 0], image[1, 0], image[5, 2]) == (1, 3, 0)
    assert np.isnan(image[2, 0])


def test_points_carry_colour_and_contribution(tmp_path: Path) -> None:
    write_field(tmp_path / "field.ply", 0.1 * GRID + 1e6, SHARES[0], "a field")
    vertex = read_ply(tmp_path / "field.ply").elements["vertex"]
    np.testing.assert_allclose(vertex["contribution"], SHARES[0], rtol=1e-6)
    np.testing.assert_allclose([vertex[axis][1] for axis in "xyz"], [1e6 + 0.5, 1e6, 1e6], rtol=1e-12)
    colors = np.stack([vertex[name] for name in ("red", "green", "blue")], axis=1)
    assert colors[3].tolist() == [170, 170, 170]
    brightness = ramp(np.array([1.0, 1e-2, 1e-5])).sum(axis=1)
    assert brightness[0] > brightness[1] > brightness[2]
