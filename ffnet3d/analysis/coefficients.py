"""How many coefficients of a voxel are at work: what the paper asks in figure 2a, as defined here.

A coefficient c is inactive where |c| <= t * r, r being the root mean square of the mixer's coefficients on
that scan, and t a threshold. So it does not matter in which scale a mixer computes: coefficients a times as
large with values an a-th as large are the same mixer. The largest coefficient, in place of r, would hang on
a single voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ffnet3d.analysis.coefficient_figures import draw_shares
from ffnet3d.analysis.network import Network
from ffnet3d.analysis.page import Picture, Section, Table
from ffnet3d.analysis.places import Place, mixers_of, watch
from ffnet3d.analysis.study import Case, Study, progress

THRESHOLDS = (0.01, 0.1, 0.3)
"""Shares of the root mean square below which a coefficient counts as inactive."""
MAIN = 1
"""The one of `THRESHOLDS` by which active keys are counted."""
PICTURE = "coefficients.png"


@dataclass(frozen=True)
class Tally:
    """Counts over the coefficients of one mixer.

    Args:
        voxels: V, of all scans.
        keys: of each voxel.
        inactive: coefficients below each of `THRESHOLDS`.
        not_positive: coefficients of zero or less, which a ReLU would have set to zero.
        used: bool [keys], those that were active at the main threshold on some voxel.
    """

    voxels: int
    keys: int
    inactive: tuple[int, ...]
    not_positive: int
    used: Tensor

    def __add__(self, other: Tally) -> Tally:
        return replace(
            self,
            voxels=self.voxels + other.voxels,
            inactive=tuple(mine + its for mine, its in zip(self.inactive, other.inactive, strict=True)),
            not_positive=self.not_positive + other.not_positive,
            used=self.used | other.used,
        )

    @property
    def total(self) -> int:
        """Coefficients counted."""
        return self.voxels * self.keys

    @property
    def shares(self) -> tuple[float, ...]:
        """Inactive ones of all, by threshold."""
        return tuple(count / self.total for count in self.inactive)

    @property
    def share_not_positive(self) -> float:
        """Coefficients of zero or less, of all."""
        return self.not_positive / self.total

    @property
    def active_keys(self) -> float:
        """Mean number of keys that are active on a voxel."""
        return self.keys - self.inactive[MAIN] / self.voxels

    @property
    def unused_keys(self) -> int:
        """Keys that are active nowhere."""
        return self.keys - int(self.used.sum())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "voxels": self.voxels,
            "keys": self.keys,
            "inactive": dict(zip(map(str, THRESHOLDS), self.shares, strict=True)),
            "not_positive": self.share_not_positive,
            "active_keys": self.active_keys,
            "unused_keys": self.unused_keys,
        }


def tally(coefficients: Tensor) -> Tally:
    """The counts of coefficients [V, keys] of one mixer on one scan."""
    size = coefficients.abs()
    scale = size.square().mean(dtype=torch.float64).sqrt()
    return Tally(
        voxels=len(coefficients),
        keys=coefficients.shape[1],
        inactive=tuple(int((size <= threshold * scale).sum()) for threshold in THRESHOLDS),
        not_positive=int((coefficients <= 0).sum()),
        used=(size > THRESHOLDS[MAIN] * scale).any(dim=0).cpu(),
    )


def tally_network(cases: Sequence[Case]) -> dict[Place, Tally]:
    """The counts of each mixer of one network over its scans; those of `mixers_of` only."""
    tallies: dict[Place, Tally] = {}

    def see(place: Place, coefficients: Tensor) -> None:
        counted = tally(coefficients)
        tallies[place] = tallies[place] + counted if place in tallies else counted

    for case in cases:
        with watch(mixers_of(case.network.backbone), see):
            case.predict()
    return tallies


def coefficients_section(study: Study, folder: Path) -> Section:
    """Shares of inactive coefficients: a table and a bar figure, coefficients.png in the folder."""
    tallies = {
        network.name: tally_network(study.of(network)) for network in progress(study.networks, "coefficients")
    }
    looked_at = {name: counts for name, counts in tallies.items() if counts}
    pictures: tuple[Picture, ...] = ()
    if looked_at:
        draw_shares(looked_at, THRESHOLDS, MAIN, folder / PICTURE)
        pictures = (
            Picture(PICTURE, "Share of inactive coefficients of each mixer, in the network's order."),
        )
    return Section(
        "Coefficients: how many are at work",
        words_of(study.networks, looked_at),
        (summary_table(looked_at), *(table_of(name, counts) for name, counts in looked_at.items())),
        pictures,
        figures={
            "thresholds": list(THRESHOLDS),
            "networks": {
                name: [{**vars(place), "activity": counted.as_dict()} for place, counted in counts.items()]
                for name, counts in tallies.items()
            },
        },
    )


def words_of(networks: Sequence[Network], looked_at: dict[str, dict[Place, Tally]]) -> tuple[str, ...]:
    """What is counted."""
    levels = ", ".join(f"{threshold:g}" for threshold in THRESHOLDS)
    words = [
        "A mixer compares a query of each voxel with keys, and an activation makes coefficients of that: how "
        "much of each value the voxel gets. In a token mixer keys and values are convolution kernels, in a "
        "channel mixer the two layers of its perceptron.",
        "Defined here: a coefficient c is inactive where |c| ≤ t · r, with r the root mean square of the "
        f"mixer's coefficients on that scan, for t = {levels}. Active keys are those of a voxel that are not "
        f"inactive at t = {THRESHOLDS[MAIN]:g}; unused ones are active on no voxel. Where c ≤ 0, a ReLU "
        "would have given zero; a GELU gives small negative numbers.",
    ]
    words += [
        f"{network.name} has no mixer whose keys are weights, so no coefficients of voxels."
        for network in networks
        if network.name not in looked_at
    ]
    return tuple(words)


def summary_table(tallies: dict[str, dict[Place, Tally]]) -> Table:
    """All token and all channel mixers of each network, every coefficient counted once."""
    rows = []
    for name, counts in tallies.items():
        for kind in ("token", "channel"):
            chosen = [counted for place, counted in counts.items() if place.mixer == kind]
            if total := sum(counted.total for counted in chosen):
                sums = [sum(counted.inactive[i] for counted in chosen) for i in range(len(THRESHOLDS))]
                below = sum(counted.not_positive for counted in chosen)
                rows.append((name, kind, *(percent(count / total) for count in (*sums, below))))
    return Table(("network", "mixers", *share_headers()), tuple(rows), "Coefficients of all mixers together.")


def table_of(name: str, tallies: dict[Place, Tally]) -> Table:
    """A row for each mixer."""
    header = ("stage", "block", "mixer", "voxels", "keys", *share_headers(), "active keys", "unused keys")
    rows = tuple(
        (
            place.stage_name,
            str(place.block),
            place.mixer,
            f"{counted.voxels:,}",
            str(counted.keys),
            *map(percent, (*counted.shares, counted.share_not_positive)),
            f"{counted.active_keys:.1f}",
            str(counted.unused_keys),
        )
        for place, counted in tallies.items()
    )
    return Table(header, rows, f"Mixers of {name}; level 0 is the finest. Active keys are means over voxels.")


def share_headers() -> tuple[str, ...]:
    """Of the columns with shares."""
    return (*(f"inactive, t = {threshold:g} (%)" for threshold in THRESHOLDS), "c ≤ 0 (%)")


def percent(share: float) -> str:
    """A share as a number of percent."""
    return f"{100 * share:.1f}"
