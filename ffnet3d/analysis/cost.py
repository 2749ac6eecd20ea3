"""What each stage of a network costs on a scan: parameters, multiply-adds, memory and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from ffnet3d.analysis.cost_count import KINDS, Work, tally
from ffnet3d.analysis.cost_stages import (
    REST,
    observe,
    parameters_by_stage,
    stage_peaks,
    stage_seconds,
    stages,
)
from ffnet3d.bench.measure import Timing, time_call
from ffnet3d.models import fuse
from ffnet3d.segment.torch_network import find_backbone

REPEATS = 5


@dataclass(frozen=True)
class StageCost:
    """One stage on one scan.

    Args:
        stage: "stem", "encoder 0", "pool 1" (from level 0 to 1), "unpool 3" (from level 4 to 3), "decoder 3",
            "head"; `REST` for what belongs to none.
        voxels: rows of its output; 0 for the rest.
        parameters: as trained, branches and norms among them.
        works: multiply-adds by kind.
        output_bytes: of its output features.
        peak_bytes: what it added to the memory of the process at its peak; None where that cannot be told.
        seconds: of the fused network's forward pass.
    """

    stage: str
    voxels: int
    parameters: int
    works: tuple[Work, ...]
    output_bytes: int
    peak_bytes: int | None
    seconds: Timing

    @property
    def present(self) -> int:
        """Multiply-adds over the pairs that exist."""
        return sum(work.present for work in self.works)

    @property
    def dense(self) -> int:
        """Multiply-adds as if every window were full."""
        return sum(work.dense for work in self.works)


@dataclass(frozen=True)
class Cost:
    """A network on one scan.

    Args:
        name: of the network.
        voxels: of the scan.
        stages: in the order of execution, then the rest.
        geometry: seconds of the pyramid, which comes before all stages.
        total: seconds of a forward pass without the geometry.
        uncounted: modules whose multiply-adds are not known, by name.
        idle: modules with parameters that did not run, by name.
    """

    name: str
    voxels: int
    stages: tuple[StageCost, ...]
    geometry: Timing
    total: Timing
    uncounted: tuple[str, ...]
    idle: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Of the whole segmentor, as trained."""
        return sum(stage.parameters for stage in self.stages)

    @property
    def present(self) -> int:
        """Multiply-adds over the pairs that exist."""
        return sum(stage.present for stage in self.stages)

    @property
    def dense(self) -> int:
        """Multiply-adds as if every window were full."""
        return sum(stage.dense for stage in self.stages)

    @property
    def flops_per_voxel(self) -> float:
        """Two for each multiply-add over pairs that exist, for each voxel of the scan."""
        return 2 * self.present / self.voxels


def measure_cost(segmentor: nn.Module, batch: Mapping[str, Any], name: str, repeats: int = REPEATS) -> Cost:
    """The costs of a segmentor on the voxels of one scan.

    Work, memory and time are those of the network as it predicts: in evaluation, fused, branches merged.

    Args:
        segmentor: not fused; it stays as it is.
        batch: as the segmentor takes it, on its device; its points are distinct voxels.
        name: of the network.
        repeats: forward passes that are timed, after one that is not.

    Raises:
        ValueError: no FFNet3D, a network that is fused already, no repeats.
    """
    if repeats < 1:
        raise ValueError(f"times need one forward pass or more, got {repeats}")
    model = fuse(segmentor)
    backbone = find_backbone(model)
    pyramid = backbone.build_pyramid(batch)
    inputs = {key: value for key, value in batch.items() if key != "segment"} | {"pyramid": pyramid}
    parts = stages(model)
    counted = tally(model, inputs)
    outputs = observe(model, parts, inputs, lambda: None, lambda _, output: output.shape)
    width = next(model.parameters()).element_size()
    peaks = stage_peaks(model, parts, inputs)
    laps = stage_seconds(model, parts, inputs, repeats)
    parameters = parameters_by_stage(segmentor)
    works = works_by_stage(parts, counted.works)
    rows = [
        StageCost(
            stage=stage,
            voxels=outputs[stage][0] if stage in outputs else 0,
            parameters=parameters[stage],
            works=works[stage],
            output_bytes=outputs[stage].numel() * width if stage in outputs else 0,
            peak_bytes=peaks.get(stage),
            seconds=Timing.of([lap[stage] for lap in laps]),
        )
        for stage in (*parts, REST)
    ]
    return Cost(
        name=name,
        voxels=pyramid.levels[0].num_voxels,
        stages=tuple(rows),
        geometry=time_call(lambda: backbone.build_pyramid(batch), repeats),
        total=Timing.of([sum(lap.values()) for lap in laps]),
        uncounted=counted.uncounted,
        idle=counted.idle,
    )


def works_by_stage(
    parts: Mapping[str, nn.Module], works: Sequence[tuple[nn.Module, Work]]
) -> dict[str, tuple[Work, ...]]:
    """The work of each stage by kind, kinds without any left out; what no stage did under `REST`."""
    owner = {module: stage for stage, part in parts.items() for module in part.modules()}
    by_stage: dict[str, list[Work]] = {stage: [] for stage in (*parts, REST)}
    for module, work in works:
        by_stage[owner.get(module, REST)].append(work)
    return {stage: by_kind(done) for stage, done in by_stage.items()}


def by_kind(works: Sequence[Work]) -> tuple[Work, ...]:
    """The sums of each kind that occurs."""
    groups = [(kind, [work for work in works if work.kind == kind and work.dense]) for kind in KINDS]
    return tuple(
        Work(kind, sum(work.present for work in group), sum(work.dense for work in group))
        for kind, group in groups
        if group
    )
