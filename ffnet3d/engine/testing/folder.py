"""Where the files of a test lie."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ffnet3d.engine.submission import discard_submission


@dataclass(frozen=True)
class ResultFolder:
    """result/ of a run, or result/fast/ of its fast test."""

    root: Path

    @property
    def summary(self) -> Path:
        """Scores of the whole test."""
        return self.root / "test.json"

    def labels(self, scene: str) -> Path:
        """Predicted labels, int64 [N]."""
        return self.root / f"{scene}_pred.npy"

    def probabilities(self, scene: str) -> Path:
        """Mean of the votes, float16 [N, C]."""
        return self.root / f"{scene}_prob.npy"

    def display(self, scene: str) -> Path:
        """Arrays by which the report shows the scene."""
        return self.root / "scenes" / f"{scene}.npz"

    def record(self, scene: str) -> Path:
        """The scene's record, written last: where it is, the other files are whole."""
        return self.root / "records" / f"{scene}.json"

    def area(self, name: str) -> Path:
        """Counts of an area of S3DIS, for the score over all areas."""
        return self.root / f"{name}.pth"

    def recorded(self) -> set[str]:
        """Names of the scenes that have a record."""
        return {file.stem for file in self.record("*").parent.glob("*.json")}

    def labelled(self) -> set[str]:
        """Names of the scenes that have labels."""
        return {file.name.removesuffix("_pred.npy") for file in self.root.glob("*_pred.npy")}

    def files_of(self, scene: str) -> tuple[Path, ...]:
        """All files of a scene; those that it has not got too."""
        return self.record(scene), self.labels(scene), self.probabilities(scene), self.display(scene)

    def discard_whole(self) -> None:
        """Remove what is said of all scenes together, while these change."""
        shown = [self.root / name for name in ("report.html", "charts.png", "scenes.png")]
        for file in (self.summary, *shown, *self.root.glob("*.pth")):
            file.unlink(missing_ok=True)
        discard_submission(self.root)

    def discard_scenes(self, kept: Collection[str]) -> None:
        """Remove the results of all scenes but those: they would stand among the results of another test."""
        spared = {file for scene in kept for file in self.files_of(scene)}
        for pattern in self.files_of("*"):
            for file in pattern.parent.glob(pattern.name):
                if file not in spared:
                    file.unlink()
