"""Which keys answer to a class, and where: what the paper asks in figures 2b and 4-7, as defined here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ffnet3d.analysis.class_keys import (
    ClassKey,
    KeyValues,
    LabelledCase,
    best_of_stages,
    class_moments,
    key_values,
    labelled,
    separations,
)
from ffnet3d.analysis.map_files import draw_maps, write_cloud
from ffnet3d.analysis.network import Network
from ffnet3d.analysis.page import Picture, Section, Table
from ffnet3d.analysis.pictures import TURNED, is_turned, slug
from ffnet3d.analysis.study import Study

TITLE = "Coefficient maps: the keys of a class"
SHOWN = 3
"""Keys of a class that are drawn: those of the stages with the highest contrasts."""

WORDS = (
    "The keys of a class are those whose coefficients are highest on its points, relative to the other "
    "labelled points; both means may be below zero. Defined here: the contrast of a key is the difference of "
    "the two means over the standard deviation of the coefficient, all over points; a point has the "
    "coefficient of the voxel that it lies in on the level of the mixer. Each stage is shown with its key of "
    "the highest contrast.",
    "Separation is the chance that the coefficient of a point of the class is larger than that of another "
    "point (the area under the ROC curve): 0.5 says nothing, 1 tells the class from all else. Keys are "
    "chosen by the very points that they are measured on, out of hundreds: a class of few points finds a "
    "fitting key by chance. Coefficients have no unit.",
)


@dataclass(frozen=True)
class ClassMaps:
    """A class in a network.

    Args:
        network: its name.
        name: of the class.
        points: that belong to it, over all scans.
        keys: the best of each stage.
        separations: of each of them.
    """

    network: str
    name: str
    points: int
    keys: tuple[ClassKey, ...]
    separations: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "network": self.network,
            "class": self.name,
            "points": self.points,
            "keys": [
                {
                    **vars(key.place),
                    "key": key.key,
                    "mean_inside": key.inside,
                    "mean_outside": key.outside,
                    "contrast": key.contrast,
                    "separation": apart,
                }
                for key, apart in zip(self.keys, self.separations, strict=True)
            ],
        }

    def strongest(self) -> tuple[ClassKey, ...]:
        """The keys to be drawn, in the network's order."""
        chosen = sorted(self.keys, key=lambda key: -key.contrast)[:SHOWN]
        return tuple(key for key in self.keys if key in chosen)


def maps_section(study: Study, folder: Path) -> Section:
    """The keys of each class that was asked for: tables here, pictures and clouds in the folder."""
    parts = [part for network in study.networks for part in maps_of_network(study, network, folder)]
    return Section(
        TITLE, WORDS, parts=tuple(parts), figures={"classes": [dict(part.figures) for part in parts]}
    )


def maps_of_network(study: Study, network: Network, folder: Path) -> list[Section]:
    """A part of the section for each class."""
    cases = labelled(study.of(network), study.predicted)
    labels = {name: network.recipe.classes.index(name) for name in study.classes}
    points = {name: sum(int((one.labels == label).sum()) for one in cases) for name, label in labels.items()}
    known = sum(int((one.labels >= 0).sum()) for one in cases)
    sums = class_moments(cases, {name: label for name, label in labels.items() if 0 < points[name] < known})
    parts = []
    for name, label in labels.items():
        keys = best_of_stages(sums[name]) if name in sums else ()
        if not keys:
            parts.append(part_without(network, name, points[name], known))
            continue
        values = [key_values(one, label, keys) for one in cases]
        found = ClassMaps(network.name, name, points[name], keys, separations(values))
        parts.append(part_of(found, label, cases, values, folder))
    return parts


def part_without(network: Network, name: str, points: int, known: int) -> Section:
    """The part of a class that has no maps, and why; `known` points have a label."""
    why = "has no mixer whose keys are weights"
    if points in (0, known):
        why = f"finds {'no' if points == 0 else 'nothing but'} {name} in these scans"
    figures = {"network": network.name, "class": name, "points": points, "keys": []}
    return Section(f"{name} in {network.name}", (f"{network.name} {why}: there is no map.",), figures=figures)


def part_of(
    found: ClassMaps,
    label: int,
    cases: Sequence[LabelledCase],
    values: Sequence[Sequence[KeyValues]],
    folder: Path,
) -> Section:
    """Table, pictures and clouds of one class in one network."""
    pictures: list[Picture] = []
    files: list[tuple[str, str]] = []
    chosen = found.strongest()
    for one, of_keys in zip(cases, values, strict=True):
        if not (one.labels == label).any():
            continue
        drawn = [(key, value) for key, value in zip(found.keys, of_keys, strict=True) if key in chosen]
        stem = slug(f"{found.network}_{one.case.scene.name}_{found.name}")
        files += write_clouds(found, one, drawn, folder, stem)
        maps = [(title_of(key), value.points) for key, value in drawn]
        draw_maps(folder / f"{stem}.png", one.case.scene, found.name, one.labels == label, maps)
        known = "true" if one.true else "predicted"
        caption = (
            f"{one.case.scene.name}: {found.name} ({known} labels), and keys whose coefficients are highest "
            f"on it, relative to elsewhere.{TURNED if is_turned(one.case.scene.points.coord) else ''}"
        )
        pictures.append(Picture(f"{stem}.png", caption))
    title = f"{found.name} in {found.network}"
    return Section(title, (), (table_of(found),), tuple(pictures), tuple(files), figures=found.as_dict())


def write_clouds(
    found: ClassMaps,
    one: LabelledCase,
    drawn: Sequence[tuple[ClassKey, KeyValues]],
    folder: Path,
    stem: str,
) -> list[tuple[str, str]]:
    """A cloud for each key on one scan; their names, and what they are."""
    files = []
    for key, value in drawn:
        scene = one.case.scene
        what = f"{found.network} on {scene.name}: {key.place}, key {key.key}, for {found.name}"
        write_cloud(folder / f"{stem}_{key.slug}.ply", scene, value.points, what)
        files.append((f"{stem}_{key.slug}.ply", what))
    return files


def title_of(key: ClassKey) -> str:
    """Above a map, over two lines."""
    return f"{key.place.stage_name}, block {key.place.block},\n{key.place.mixer} mixer, key {key.key}"


def table_of(found: ClassMaps) -> Table:
    """A row for each stage."""
    header = ("stage", "block", "mixer", "key", "mean on it", "mean elsewhere", "contrast", "separation")
    rows = tuple(
        (
            key.place.stage_name,
            str(key.place.block),
            key.place.mixer,
            str(key.key),
            f"{key.inside:.3f}",
            f"{key.outside:.3f}",
            f"{key.contrast:.2f}",
            f"{apart:.3f}",
        )
        for key, apart in zip(found.keys, found.separations, strict=True)
    )
    return Table(header, rows, f"{found.points:,} points are {found.name}.")
