"""One scan from its file to its labels: read, predict, write, sum up."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ffnet3d.registry import require
from ffnet3d.segment.clock import Clock
from ffnet3d.segment.job import Job
from ffnet3d.segment.output import write_labels
from ffnet3d.segment.queue_record import settings_key
from ffnet3d.segment.scan import open_scan
from ffnet3d.segment.scan_options import ScanOptions
from ffnet3d.segment.segmenter import Segmenter
from ffnet3d.segment.summary import summarize
from ffnet3d.segment.summary_record import Summary
from ffnet3d.segment.tiles import TileOptions, label_scan
from ffnet3d.segment.weights import weight_files

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SegmentOptions:
    """How scans are segmented.

    Args:
        weights: see `ffnet3d.segment.weights`.
        network: arguments of `open_network` that are not its defaults.
        scan: how the files are to be understood.
        tiles: how scans are cut that are too large for one prediction.
        format: of the answers, such as "ply"; None: each scan's own.
        paint: class colours in place of the scan's own.
        scratch: folder for what large scans put aside; None: the system's.
    """

    weights: Path
    network: Mapping[str, Any] = field(default_factory=dict)
    scan: ScanOptions = field(default_factory=ScanOptions)
    tiles: TileOptions = field(default_factory=TileOptions)
    format: str | None = None
    paint: bool = False
    scratch: Path | None = None

    def key(self) -> str:
        """A hash of what the answers depend on, the scan aside."""
        options = {name: value for name, value in asdict(self).items() if name not in ("weights", "scratch")}
        return settings_key(weight_files(self.weights), options)


def start(options: SegmentOptions, show_progress: bool = False) -> Callable[[Job], dict[str, Any]]:
    """Load the network; what it returns segments a job's scan and returns the summary, as JSON holds it."""
    segmenter = Segmenter(options.weights, **options.network)
    return partial(segment_job, options=options, segmenter=segmenter, show_progress=show_progress)


def segment_job(
    job: Job, options: SegmentOptions, segmenter: Segmenter, show_progress: bool = False
) -> dict[str, Any]:
    """Segment `job.scan` into `job.out`; ValueError or OSError naming the file at fault."""
    summary = segment_scan(job.scan, job.out, options, segmenter, show_progress)
    if not show_progress:  # one of many: nobody reads its summary now
        for warning in summary.warnings:
            logger.warning("%s: %s", job.scan, warning)
    return summary.as_dict()


def segment_scan(
    scan_file: Path, out: Path, options: SegmentOptions, segmenter: Segmenter, show_progress: bool = False
) -> Summary:
    """Segment the points of a file into a copy with labels; what came out.

    The copy is whole or not there. Raises ValueError or OSError naming the file at fault.
    """
    clock = Clock()
    recipe = segmenter.recipe
    with clock.of("read"):
        scan = open_scan(scan_file, options.scan, recipe.features)
    bar = partial(require("tqdm", "train").tqdm, disable=None if show_progress else True, leave=False)
    with tempfile.TemporaryDirectory(prefix="ffnet3d-", dir=options.scratch) as scratch:
        with clock.of("predict"):
            labels = label_scan(scan, segmenter, options.tiles, Path(scratch), bar)
        with clock.of("write"):
            columns = write_labels(scan, labels, recipe.classes, out, options.paint, options.format)
        # Only the name: the answer is made in one folder and moved to another.
        return summarize(scan, labels, segmenter, Path(out.name), columns, clock.seconds, options.weights)
