"""The outcome of one run: its mIoU on clean and corrupted scenes, and what it loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ffnet3d.analysis.robustness.corruptions import find_corruption
from ffnet3d.analysis.robustness.record import Measurement


@dataclass(frozen=True)
class RunResult:
    """A network's scores under all conditions that were asked for."""

    name: str  # of the run
    weights: str  # file of the checkpoint
    part: str  # of the config's data: test or val
    scenes: tuple[str, ...]
    seed: int  # of the corruptions
    clean: Measurement
    measured: tuple[Measurement, ...]  # by corruption, severities ascending
    skipped: Mapping[str, str]  # corruption -> why it was left out

    @property
    def corruptions(self) -> tuple[str, ...]:
        """Names of the corruptions that were measured."""
        return tuple(dict.fromkeys(measurement.corruption for measurement in self.measured))

    def curve(self, corruption: str) -> dict[int, float]:
        """Severity -> mIoU (0 to 1), the clean scenes as severity 0."""
        rows = [m for m in self.measured if m.corruption == corruption]
        return {0: self.clean.miou, **{m.severity: m.miou for m in rows}}

    @property
    def chance(self) -> float:
        """Chance level, defined here as 1 / classes: no network that names one class everywhere passes it."""
        return 1 / len(self.clean.scores["iou"])

    @property
    def below_chance(self) -> bool:
        """Whether the network has learnt too little for shares of its clean mIoU to mean anything."""
        return self.clean.miou < self.chance

    def drop(self, corruption: str) -> float | None:
        """Mean over the severities of (clean - mIoU) / clean; None if not measured, or clean below chance."""
        corrupted = [miou for severity, miou in self.curve(corruption).items() if severity]
        if not corrupted or self.below_chance:
            return None
        return 1 - sum(corrupted) / len(corrupted) / self.clean.miou

    def mean_drop(self, corruptions: Sequence[str] | None = None) -> float | None:
        """Mean corruption drop: the mean of `drop` over the corruptions (None: all that were measured)."""
        drops = [self.drop(name) for name in (self.corruptions if corruptions is None else corruptions)]
        known = [drop for drop in drops if drop is not None]
        return sum(known) / len(known) if known and len(known) == len(drops) else None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "name": self.name,
            "weights": self.weights,
            "part": self.part,
            "scenes": list(self.scenes),
            "seed": self.seed,
            "clean": dict(self.clean.scores),
            "chance": self.chance,
            "corruptions": {name: self._corruption_as_dict(name) for name in self.corruptions},
            "mean_corruption_drop": self.mean_drop(),
            "skipped": dict(self.skipped),
            "key": {kind: value for kind, value in self.clean.key.items() if kind != "corruption"},
        }

    def _corruption_as_dict(self, name: str) -> dict[str, Any]:
        corruption = find_corruption(name)
        rows = [m for m in self.measured if m.corruption == name]
        severities = {str(m.severity): {"level": m.level, **m.scores, "seconds": m.seconds} for m in rows}
        return {
            "title": corruption.title,
            "unit": corruption.unit,
            "drop": self.drop(name),
            "severities": severities,
        }


def shared_corruptions(results: Sequence[RunResult]) -> list[str]:
    """Names of the corruptions that all runs were measured under: only over these do means compare."""
    return [name for name in results[0].corruptions if all(name in result.corruptions for result in results)]
