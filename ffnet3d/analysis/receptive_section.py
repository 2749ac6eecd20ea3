"""The effective receptive field as a section of the analysis page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnet3d.analysis.network import Network
from ffnet3d.analysis.page import Picture, Section, Table
from ffnet3d.analysis.pictures import TURNED, is_turned, save_figure, slug
from ffnet3d.analysis.receptive import receptive_fields, sample_rows
from ffnet3d.analysis.receptive_figures import draw_curves, draw_fields, write_field
from ffnet3d.analysis.receptive_radius import radial_field
from ffnet3d.analysis.receptive_summary import THRESHOLDS, Receptive, Sample, Shown, Spread
from ffnet3d.analysis.scene import Scene
from ffnet3d.analysis.study import Study

TITLE = "Effective receptive field"
SAMPLES = 16  # voxels of each scan
CURVES, FIELDS = "receptive_curves.png", "receptive_fields.png"
Points = NDArray[np.int64]

WORDS = (
    "How far around a voxel the input matters to what the network says of it. Defined here: the contribution "
    "of a voxel is the absolute gradient of the sum of the backbone's output features at the sample voxel "
    "with respect to the voxel's input features, summed over input channels; the contributions to a sample "
    "voxel add up to 1. The high-contribution radius is that of the smallest ball around the sample that "
    "holds a share of them (distances between centres of voxels), and the receptive-field ratio is the share "
    "of the scan's voxels in that ball. Figures are means over the sample voxels, and after ± the standard "
    "deviation.",
    f"{SAMPLES} sample voxels a scan are spread along its serialization curve, at the same places for every "
    "network. Maximum pooling passes a gradient on to the largest child only: the field is the network's "
    "on these scans.",
)


def receptive_section(study: Study, folder: Path) -> Section:
    """Radii of all networks; two pictures, and a cloud for each network in the folder."""
    points = sample_points(study)
    found = [receptive_of(study, network, points) for network in study.networks]
    save_figure(draw_curves(found), folder / CURVES)
    save_figure(draw_fields(found), folder / FIELDS)
    scene = study.cases[0].scene
    turned = TURNED if is_turned(scene.grid_coord) else ""
    pictures = (
        Picture(CURVES, "Contribution within a radius: the mean, and the middle 68 % of the samples."),
        Picture(
            FIELDS,
            f"One sample voxel (ring) of {scene.name}: the largest contribution along the view.{turned}",
        ),
    )
    files = write_clouds(study, found, folder)
    tables = (radius_table(found), reach_table(found))
    return Section(TITLE, WORDS, tables, pictures, files, figures=figures_of(found))


def sample_points(study: Study, count: int = SAMPLES) -> dict[str, Points]:
    """By scan the numbers of its sample points [S]: one in each voxel of `sample_rows`, as the first network
    has them."""
    cases = study.of(study.networks[0])
    return {
        case.scene.name: points_in(case.scene, sample_rows(case.scene.num_voxels, count)) for case in cases
    }


def points_in(scene: Scene, rows: NDArray[np.int64]) -> Points:
    """The first point of each of these voxels."""
    _, first = np.unique(scene.point_to_voxel, return_index=True)
    points: Points = first[rows]
    return points


def receptive_of(study: Study, network: Network, points: Mapping[str, Points]) -> Receptive:
    """A network's field over the sample points of all scans; that of the first scan's middle one is shown."""
    samples: list[Sample] = []
    shown: Shown | None = None
    for case in study.of(network):
        scene = case.scene
        rows = scene.point_to_voxel[points[scene.name]]
        label = f"receptive field, {network.name}"
        fields = receptive_fields(
            network.segmentor, scene.features, scene.grid_coord, rows, network.condition, label
        )
        for number, (row, field) in enumerate(zip(rows, fields, strict=True)):
            samples.append(Sample.of(radial_field(field, scene.grid_coord, row)))
            if shown is None and number == len(rows) // 2:
                shown = Shown(field, scene.grid_coord, int(row))
    assert shown is not None  # a study has a scan, and each has a sample
    return Receptive(network.name, network.recipe.grid_size, tuple(samples), shown)


def write_clouds(study: Study, found: Sequence[Receptive], folder: Path) -> tuple[tuple[str, str], ...]:
    """The shown field of each network as a cloud of the scan's points; their names, and what they are."""
    files = []
    for network, one in zip(study.networks, found, strict=True):
        scene = study.of(network)[0].scene
        what = f"receptive field of {network.name} on {scene.name}"
        file = f"receptive_{slug(network.name)}.ply"
        write_field(folder / file, scene.place, one.shown.contribution[scene.point_to_voxel], what)
        files.append((file, what))
    return tuple(files)


def radius_table(found: Sequence[Receptive]) -> Table:
    """A row for each network and share of the contribution."""
    header = ("network", "contribution (%)", "radius (m)", "radius (voxels)", "of the scan's voxels (%)")
    rows = []
    for one in found:
        for place, threshold in enumerate(THRESHOLDS):
            radius = one.ball(place, lambda ball: ball.radius)
            cells = (
                text(radius, one.grid_size, digits=3),
                text(radius, digits=1),
                text(one.ball(place, lambda ball: ball.of_scan), 100),
                text(one.ball(place, lambda ball: ball.of_reach), 100),
            )
            rows.append((one.name, f"{100 * threshold:g}", *cells))
    return Table((*header, "of those that contribute (%)"), tuple(rows), "High-contribution radii.")


def reach_table(found: Sequence[Receptive]) -> Table:
    """A row for each network."""
    header = ("network", "sample voxels", "farthest that contributes (m)", "farthest (voxels)")
    rows = []
    for one in found:
        reach = one.spread(lambda sample: sample.reach)
        reached = one.spread(lambda sample: sample.share_reached)
        cells = text(reach, one.grid_size, digits=2), text(reach, digits=1), text(reached, 100)
        rows.append((one.name, str(len(one.samples)), *cells))
    caption = "Voxels whose contribution is not zero: what the network can see at all from a sample."
    return Table((*header, "voxels of the scan that contribute (%)"), tuple(rows), caption)


def text(spread: Spread, scale: float = 1, digits: int = 2) -> str:
    """Mean and deviation times a scale."""
    return f"{scale * spread.mean:.{digits}f} ± {scale * spread.deviation:.{digits}f}"


def figures_of(found: Sequence[Receptive]) -> dict[str, Any]:
    """For JSON."""
    return {"networks": [network_figures(one) for one in found]}


def network_figures(one: Receptive) -> dict[str, Any]:
    """One network's."""
    return {
        "name": one.name,
        "grid_size": one.grid_size,
        "samples": len(one.samples),
        "balls": [
            {
                "contribution": threshold,
                "radius_voxels": vars(one.ball(place, lambda ball: ball.radius)),
                "of_scan": vars(one.ball(place, lambda ball: ball.of_scan)),
                "of_reach": vars(one.ball(place, lambda ball: ball.of_reach)),
            }
            for place, threshold in enumerate(THRESHOLDS)
        ],
        "reach_voxels": vars(one.spread(lambda sample: sample.reach)),
        "share_reached": vars(one.spread(lambda sample: sample.share_reached)),
    }
