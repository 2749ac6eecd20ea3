"""What a run measures, step by step: metrics.jsonl, one JSON object a line, and TensorBoard events."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ffnet3d.atomic import write_atomic
from ffnet3d.engine.metrics import Scores
from ffnet3d.registry import require

FILE = "metrics.jsonl"


class MetricsLog:
    """Appends to the metrics of a run; each line is in the file as soon as the call returns.

    Going on after `step` steps (0: from the start), lines of later steps, and one that a kill has cut off,
    are dropped first: the steps are about to be done again.
    """

    def __init__(self, folder: str | Path, step: int = 0) -> None:
        self.path = Path(folder) / FILE
        drop_later(self.path, step)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab", buffering=0)
        require("tensorboard", "train")
        writer = require("torch.utils.tensorboard", "train").SummaryWriter
        self._board = writer(str(folder), purge_step=step + 1 if step else None)

    def train(self, epoch: int, step: int, loss: float, lr: Sequence[float], seconds: float) -> None:
        """A training step: its loss, the learning rate of each parameter group, the seconds it took."""
        self._line(kind="train", epoch=epoch, step=step, loss=loss, lr=list(lr), seconds=round(seconds, 4))
        self._board.add_scalar("train/loss", loss, step)
        for group, rate in enumerate(lr):
            self._board.add_scalar(f"lr/group{group}", rate, step)

    def evaluation(self, epoch: int, step: int, loss: float, scores: Scores) -> None:
        """An evaluation after `step` steps."""
        named = scores.as_dict()
        means = {name: named[name] for name in ("mIoU", "mIoU_present", "mAcc", "allAcc")}
        self._line(kind="eval", epoch=epoch, step=step, loss=loss, **means, iou=named["iou"])
        for name, value in {"loss": loss, **means}.items():
            self._board.add_scalar(f"val/{name}", value, step)
        self._board.flush()

    def close(self) -> None:
        """Finish both files."""
        self._file.close()
        self._board.close()

    def _line(self, **values: Any) -> None:
        # One write of a whole line: a kill loses at most the line it falls into.
        self._file.write((json.dumps(_finite(values), allow_nan=False) + "\n").encode())


def drop_later(path: Path, step: int) -> None:
    """Keep the lines of a metrics file up to `step`; no file is fine."""
    if not path.is_file():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if (at := _step_of(line)) is not None and at <= step]
    if len(kept) < len(lines):
        write_atomic(path, lambda file: file.write(b"".join(kept)))


def _step_of(line: bytes) -> int | None:
    """The step of a whole line, None of one that a kill has cut off."""
    if not line.endswith(b"\n"):
        return None
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None


def _finite(value: Any) -> Any:
    """`value` with None for NaN and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
