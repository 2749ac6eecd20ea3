"""The keys whose coefficients are highest on a class, relative to elsewhere.

They are found over all scans of a network, stage by stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ffnet3d.analysis.places import Place, mixers_of, watch
from ffnet3d.analysis.selectivity import Membership, Moments, memberships, moments, separation
from ffnet3d.analysis.study import Case, progress
from ffnet3d.voxels import Pyramid


@dataclass(frozen=True)
class ClassKey:
    """A key and what it has to do with a class; see `ffnet3d.analysis.selectivity` for the measures.

    Args:
        place: its mixer.
        key: its number there.
        inside: mean coefficient over points of the class.
        outside: mean over the other labelled points.
        contrast: the difference, over the standard deviation.
    """

    place: Place
    key: int
    inside: float
    outside: float
    contrast: float

    @property
    def slug(self) -> str:
        """For file names."""
        return f"{self.place.slug}-key{self.key}"


@dataclass(frozen=True)
class LabelledCase:
    """A case with the labels [N] by which its points belong to classes, and whether those are true ones."""

    case: Case
    labels: NDArray[np.integer]
    true: bool


def labelled(cases: Sequence[Case], predicted: bool) -> tuple[LabelledCase, ...]:
    """The cases with true labels where they are known and wanted, else with predicted ones."""
    return tuple(
        LabelledCase(case, case.scene.truth, True)
        if case.scene.truth is not None and not predicted
        else LabelledCase(case, case.predict(), False)
        for case in cases
    )


def class_moments(
    cases: Sequence[LabelledCase], labels: Mapping[str, int]
) -> dict[str, dict[Place, Moments]]:
    """The sums for each class and mixer of one network, over all its scans; `labels`: class -> label."""
    found: dict[str, dict[Place, Moments]] = {name: {} for name in labels}
    for one in progress(cases, "keys of classes"):
        batch = one.case.batch()
        members = {name: members_of(one, label, batch["pyramid"]) for name, label in labels.items()}

        def see(place: Place, coefficients: Tensor, members: Any = members) -> None:
            for name, by_level in members.items():
                sums, new = found[name], moments(coefficients, by_level[place.level])
                sums[place] = sums[place] + new if place in sums else new

        with watch(mixers_of(one.case.network.backbone), see):
            one.case.predict(batch)
    return found


def members_of(one: LabelledCase, label: int, pyramid: Pyramid) -> tuple[Membership, ...]:
    """Points of a class in the voxels of every level of a case."""
    return memberships(one.labels, label, one.case.scene.point_to_voxel, pyramid)


def best_of_stages(sums: Mapping[Place, Moments]) -> tuple[ClassKey, ...]:
    """The key of the highest contrast of each stage, in the network's order."""
    best: dict[str, ClassKey] = {}
    for place, moment in sums.items():
        contrasts, (inside, outside) = moment.contrasts(), moment.means()
        key = int(contrasts.argmax())
        found = ClassKey(place, key, float(inside[key]), float(outside[key]), float(contrasts[key]))
        if place.stage_name not in best or best[place.stage_name].contrast < found.contrast:
            best[place.stage_name] = found
    return tuple(best.values())


@dataclass(frozen=True)
class KeyValues:
    """The coefficients of a key on one scan.

    Args:
        voxels: [V] float32, of its level.
        inside: [V] points of the class there; `outside` likewise other labelled points.
        points: [N] float32, the same coefficients, of every point of the scan.
    """

    voxels: NDArray[np.float32]
    inside: NDArray[np.float64]
    outside: NDArray[np.float64]
    points: NDArray[np.float32]


def key_values(one: LabelledCase, label: int, keys: Sequence[ClassKey]) -> tuple[KeyValues, ...]:
    """The coefficients of each of the keys on one scan, in one pass of the network."""
    columns: dict[ClassKey, Tensor] = {}

    def see(place: Place, coefficients: Tensor) -> None:
        columns.update({key: coefficients[:, key.key].cpu() for key in keys if key.place == place})

    batch = one.case.batch()
    wanted = {key.place for key in keys}
    mixers = {
        place: mixer for place, mixer in mixers_of(one.case.network.backbone).items() if place in wanted
    }
    with watch(mixers, see):
        one.case.predict(batch)
    pyramid: Pyramid = batch["pyramid"]
    members, rows = members_of(one, label, pyramid), rows_of_points(pyramid, one.case.scene.point_to_voxel)
    return tuple(
        KeyValues(
            columns[key].numpy(),
            members[key.place.level].inside.cpu().numpy(),
            members[key.place.level].outside.cpu().numpy(),
            columns[key].numpy()[rows[key.place.level]],
        )
        for key in keys
    )


def rows_of_points(pyramid: Pyramid, point_to_voxel: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """The voxel [N] that each point lies in, on every level, finest first.

    `point_to_voxel` [N] are rows of the finest level; the parents lead from level to level.
    """
    rows = [pyramid.point_to_voxel.cpu().numpy()[point_to_voxel]]
    for parents in pyramid.parents:
        rows.append(parents.cpu().numpy()[rows[-1]])
    return tuple(rows)


def separations(values: Sequence[Sequence[KeyValues]]) -> tuple[float, ...]:
    """The separation of each key over all scans; `values` holds a row of keys for each scan."""
    return tuple(
        separation(
            np.concatenate([one.voxels for one in of_scans]),
            np.concatenate([one.inside for one in of_scans]),
            np.concatenate([one.outside for one in of_scans]),
        )
        for of_scans in zip(*values, strict=True)
    )
