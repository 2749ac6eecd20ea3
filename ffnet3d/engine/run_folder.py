"""The files of a run: `exp/DATASET/NAME/` and what lies where in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run, in the layout of Pointcept."""

    root: Path

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.root / "config.py"

    def checkpoint(self, name: str) -> Path:
        """The checkpoint of that name, such as model_best."""
        return self.root / "model" / f"{name}.pth"

    @property
    def model_last(self) -> Path:
        """Checkpoint to resume from."""
        return self.checkpoint("model_last")

    @property
    def model_best(self) -> Path:
        """Checkpoint of the evaluation with the highest mIoU."""
        return self.checkpoint("model_best")

    def model_epoch(self, epoch: int) -> Path:
        """Checkpoint that is kept after `epoch` epochs (CheckpointSaver's save_freq)."""
        return self.checkpoint(f"epoch_{epoch}")

    @property
    def result(self) -> Path:
        """Folder of the predictions and test.json."""
        return self.root / "result"

    @property
    def test_summary(self) -> Path:
        """Scores of the last test."""
        return self.result / "test.json"

    def predictions(self, scene: str) -> Path:
        """Predicted labels of a scene."""
        return self.result / f"{scene}_pred.npy"

    @property
    def trained(self) -> bool:
        """Whether a training began here; otherwise the folder is of tests alone."""
        return (self.root / "train.log").exists() or any(self.model_last.parent.glob("*.pth"))

    def check_new(self) -> None:
        """Raise ValueError where a new run would overwrite the checkpoint of an earlier one."""
        # The best is written before the last: a kill between the two may leave it alone.
        for file in (self.model_last, self.model_best):
            if file.exists():
                raise ValueError(
                    f"{self.root} already holds a trained run ({file.name}): go on with it (-r true, "
                    "resume=True), or name the new run otherwise (-n NAME, save_path=...)"
                )

    def check_started(self) -> None:
        """Raise ValueError where there is no run to resume."""
        if not self.config.exists():
            raise ValueError(f"nothing to resume in {self.root}: it has no {self.config.name}; leave -r out")

    def create(self) -> None:
        """Make the folders."""
        self.model_last.parent.mkdir(parents=True, exist_ok=True)
        self.result.mkdir(exist_ok=True)
