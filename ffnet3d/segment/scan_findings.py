"""What a survey of a scan means for reading it: colours, normals, doubts; in words for the user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ffnet3d.data.formats.cloud import Cloud
from ffnet3d.data.formats.roles import Roles
from ffnet3d.segment.scan_colors import ColorRange, color_range
from ffnet3d.segment.scan_doubts import doubtful_unit, doubtful_up, impossible_unit
from ffnet3d.segment.scan_options import ScanOptions
from ffnet3d.segment.scan_shape import Shape, shape_of
from ffnet3d.segment.scan_survey import Survey

FEW = 0.01  # share of normals that may be zero or broken

NO_COLORS = (
    "the network was trained with colours and the file has none: every point gets the mean colour of rooms. "
    "What differs by colour more than by shape is labelled worse; a network trained without colours does not "
    "lose this"
)
NO_NORMALS = (
    "normals: estimated from the points, since the file has none that can be used; this takes time, and is "
    "less sure where points are few"
)


@dataclass(frozen=True)
class Findings:
    """How a scan is read; the attributes are those of `Scan`."""

    spacing: float
    colors: ColorRange | None
    has_normal: bool
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def look_into(
    cloud: Cloud, roles: Roles, survey: Survey, options: ScanOptions, features: tuple[str, ...]
) -> Findings:
    """What the survey found, for a network of these features.

    ValueError naming the file where its colours have no known range, or its unit cannot be metres.
    """
    shape = shape_of(survey.sample, survey.num_valid) if len(survey.sample) else None
    sizes = _sizes(cloud, shape, survey.num_valid, options) if shape else []
    colors = _colors(cloud, roles, survey, options)
    has_normal = roles.normal is not None and survey.zero_normals <= FEW * survey.num_valid
    notes = [_reading(options), _columns(cloud, roles)] + ([colors.note] if colors else [])
    if roles.normal and survey.zero_normals:
        notes.append(f"normals: {survey.zero_normals} of {survey.num_valid} are zero or not finite")
    if "normal" in features:
        notes.append(
            f"normals: from the file ({', '.join(roles.normal or ())})" if has_normal else NO_NORMALS
        )
    warnings = sizes + _lost(cloud, survey) + _painted(cloud)
    if "color" in features:
        warnings += _gaps(colors, survey)
    spacing = shape.spacing * options.scale if shape else 0.0
    return Findings(spacing, colors, has_normal, tuple(notes), tuple(warnings))


def _reading(options: ScanOptions) -> str:
    unit = f"{options.unit} (as given)" if options.unit else "m (none given)"
    return f"unit: {unit}; {options.up} points up"


def _columns(cloud: Cloud, roles: Roles) -> str:
    """Which column is taken for what: of a file without names that is a guess."""
    parts = [f"coordinates {' '.join(roles.coord)}"]
    parts += [f"colours {' '.join(roles.color)}"] if roles.color else []
    parts += [f"normals {' '.join(roles.normal)}"] if roles.normal else []
    used = {*roles.coord, *(roles.color or ()), *(roles.normal or ())}
    others = [name for name in cloud.names if name not in used]
    parts += [f"not input: {' '.join(others)}"] if others else []
    return f"columns: {', '.join(parts)}"


def _colors(cloud: Cloud, roles: Roles, survey: Survey, options: ScanOptions) -> ColorRange | None:
    if roles.color is None or survey.color is None:
        return None
    dtypes = [column.dtype for column in cloud.columns if column.name in roles.color]
    return color_range(survey.color, np.result_type(*dtypes), cloud.file, options.color_range)


def _sizes(cloud: Cloud, shape: Shape, num_points: int, options: ScanOptions) -> list[str]:
    """Warnings about unit and up axis; ValueError where the unit cannot be metres."""
    if problem := impossible_unit(shape, num_points, options):
        raise ValueError(f"{cloud.file}: {problem}")
    return [doubt for doubt in (doubtful_up(shape, options), doubtful_unit(shape, options)) if doubt]


def _lost(cloud: Cloud, survey: Survey) -> list[str]:
    lost = cloud.num_points - survey.num_valid
    said = f"{lost} of {cloud.num_points} points are NaN or infinite: they get the label -1, confidence 0"
    return [said] if lost else []


def _painted(cloud: Cloud) -> list[str]:
    """A warning where `--paint` has put class colours in place of the scan's own."""
    painted = "original_red" in cloud.names
    return ["painted: its colours are those of classes; segment the scan as it was before"] if painted else []


def _gaps(colors: ColorRange | None, survey: Survey) -> list[str]:
    """Warnings about missing colours, of all points or of some."""
    if colors is None or colors.empty or survey.color is None:
        return [NO_COLORS]
    broken = survey.color.broken
    return (
        [f"{broken} points have colours that are not finite: they get the mean colour of rooms"]
        if broken
        else []
    )
