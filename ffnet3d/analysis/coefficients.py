"""How many coefficients of a voxel are at work: what the paper asks in figure 2a, as defined here.

A coefficient c is inactive where |c| <= t * r, r being the root mean square of the mixer's coefficients on
that scan, and t a threshold. So it does not matter in which scale a mixer computes: coefficients a times as
large with values an a-th as large are the same mixer. The largest coefficient, in place of r, would hang on
a single voxel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ffnet3d.analysis.coefficient_figures import KEYLESS, NOT_POSITIVE, draw_shares
from ffnet3d.analysis.network import Network
from ffnet3d.analysis.page import Picture, Section, Table
from ffnet3d.analysis.places import Place, all_mixers, mixers_of, watch
from ffnet3d.analysis.study import Case, Study, progress

THRESHOLDS = (0.01, 0.1, 0.3)
"""Shares of the root mean square below which a coefficient counts as inactive."""
MAIN = 1
"""The one of `THRESHOLDS` by which active keys are counted."""
PICTURE = "coefficients.png"
CAPTION = (
    f"Each mixer, in the network's order. Bars are inactive coefficients at t = {THRESHOLDS[MAIN]:g}, the "
    "dash and the cross those at the other thresholds. The ring is another count: coefficients "
    f"of zero or less ({NOT_POSITIVE}), whether inactive or not."
)


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
    looked_at = {name: rows_of(study.network(name), counts) for name, counts in tallies.items() if counts}
    pictures: tuple[Picture, ...] = ()
    if looked_at:
        draw_shares(looked_at, THRESHOLDS, MAIN, folder / PICTURE)
        hatched = any(None in rows.values() for rows in looked_at.values())
        pictures = (Picture(PICTURE, CAPTION + f" Hatched: mixers with {KEYLESS}." * hatched),)
    return Section(
        "Coefficients: how many are at work",
        (*words_of(), *(line for network in study.networks for line in keyless_words(network))),
        (summary_table(tallies), *(table_of(name, rows) for name, rows in looked_at.items())),
        pictures,
        figures={
            "thresholds": list(THRESHOLDS),
            "networks": {
                name: [{**vars(place), "activity": counted.as_dict()} for place, counted in counts.items()]
                for name, counts in tallies.items()
            },
        },
    )


def rows_of(network: Network, counts: dict[Place, Tally]) -> dict[Place, Tally | None]:
    """The counts of every mixer in network order; None for one without keys of its own."""
    return {place: counts.get(place) for place in all_mixers(network.backbone)}


def words_of() -> tuple[str, ...]:
    """What is counted."""
    levels = ", ".join(f"{threshold:g}" for threshold in THRESHOLDS)
    return (
        "A mixer compares a query of each voxel with keys, and an activation makes coefficients of that: how "
        "much of each value the voxel gets. Keys and values are weights of the mixer: the two convolution "
        "kernels of FFNified attention, the two layers of a perceptron. Window attention compares voxels "
        "with each other, pooling and identity compare nothing: without keys of their own, they have no "
        "coefficients of this kind.",
        "Defined here: a coefficient c is inactive where |c| ≤ t · r, with r the root mean square of the "
        f"mixer's coefficients on that scan, for t = {levels}. Active keys are those of a voxel that are not "
        f"inactive at t = {THRESHOLDS[MAIN]:g}; unused ones are active on no voxel. Where c ≤ 0, a ReLU "
        "would have given zero; a GELU gives small negative numbers, and those may well be active.",
    )


def keyless_words(network: Network) -> tuple[str, ...]:
    """Which mixers of a network are left out of the counts, if any."""
    every = all_mixers(network.backbone)
    keyless = {place: mixer for place, mixer in every.items() if not mixer.static_keys}
    if len(keyless) == len(every):
        return (f"{network.name} has no mixer whose keys are weights, so no coefficients of voxels.",)
    stages: dict[str, list[str]] = {}
    for place, mixer in keyless.items():
        stages.setdefault(f"{place.mixer} mixers ({kind_of(mixer)})", []).append(place.stage_name)
    named = "; ".join(f"{kind} of {', '.join(dict.fromkeys(names))}" for kind, names in stages.items())
    return (
        (f"{network.name}: {len(keyless)} of {len(every)} mixers have {KEYLESS}: {named}.",)
        if keyless
        else ()
    )


def kind_of(mixer: nn.Module) -> str:
    """What a mixer is, in words: its class's name, apart."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(mixer).__name__).lower()


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


def table_of(name: str, tallies: Mapping[Place, Tally | None]) -> Table:
    """A row for each mixer; in words where it has no keys."""
    header = ("stage", "block", "mixer", "voxels", "keys", *share_headers(), "active keys", "unused keys")
    rows = tuple(
        (place.stage_name, str(place.block), *cells_of(place, counted, len(header) - 3))
        for place, counted in tallies.items()
    )
    caption = f"Mixers of {name}; level 0 is the finest. Active keys are means over voxels."
    return Table(header, rows, caption)


def cells_of(place: Place, counted: Tally | None, width: int) -> tuple[str, ...]:
    """Kind and figures of a mixer, as many as `width`; dashes without keys."""
    if counted is None:
        return (f"{place.mixer}, {KEYLESS}", *["–"] * width)
    return (
        place.mixer,
        f"{counted.voxels:,}",
        str(counted.keys),
        *map(percent, (*counted.shares, counted.share_not_positive)),
        f"{counted.active_keys:.1f}",
        str(counted.unused_keys),
    )


def share_headers() -> tuple[str, ...]:
    """Of the columns with shares."""
    return (*(f"inactive, t = {threshold:g} (%)" for threshold in THRESHOLDS), "c ≤ 0 (%)")


def percent(share: float) -> str:
    """A share as a number of percent."""
    return f"{100 * share:.1f}"
