import numpy as np
import pytest

from ffnet3d.segment.scan_options import TURNS, ScanOptions


def test_scales():
    assert ScanOptions().scale == 1
    assert ScanOptions(unit="ft").scale == 0.3048


@pytest.mark.parametrize("up", list(TURNS))
def test_a_turn_is_a_rotation_that_brings_the_axis_up(up):
    axes = ScanOptions(up=up).turn(np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(1)
    upward = axes["xyz".index(up[-1])] * (-1 if up[0] == "-" else 1)
    assert upward.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"unit": "yd"}, "unknown unit 'yd'; known: m, cm, mm"),
        ({"up": "w"}, "unknown up axis 'w'; known: z, -z, y"),
        ({"color_range": 0}, "colour range must be positive"),
        ({"color_range": float("nan")}, "colour range must be positive"),
    ],
)
def test_unknown_values_are_refused(values, match):
    with pytest.raises(ValueError, match=match):
        ScanOptions(**values)
