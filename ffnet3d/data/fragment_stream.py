"""The fragments of many scenes, one after the other, made ahead of the network by worker processes.

Worker w of W makes every W-th part of the whole stream and passes over the others, which costs it little; the
loader takes from the workers in turn, which is the order of the stream again. So a scene begins while the one
before it ends, and what comes does not depend on the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ffnet3d.data.datasets import SceneDataset
from ffnet3d.data.fragments import Fragment, Part, TestScene
from ffnet3d.data.loader import worker_init
from ffnet3d.voxels import PyramidPlan, offset2batch

# Each worker keeps the scene and a view of it: a few keep a network busy, many only fill the memory.
MAX_WORKERS = 4
# A pyramid takes 900 bytes a point, and more in the making: a larger one is made between two predictions, by
# the process that predicts, whose memory is free then.
MAX_POINTS_AHEAD = 250_000


@dataclass(frozen=True)
class SceneFacts:
    """What is to be known of a scene besides its fragments: N points on disk, `num_points` to vote on."""

    name: str
    coord: np.ndarray  # [N, 3] float32, metres, as on disk
    color: np.ndarray | None  # [N, 3] float32, 0-255, as on disk
    segment: np.ndarray  # [N] integers, ignore_index where unlabelled
    num_points: int
    num_views: int
    inverse: np.ndarray | None  # [N], row of each point among those voted on; None: they are the same


@dataclass(frozen=True)
class StreamedPart:
    """The fragments of one part of a scene."""

    scene: int  # its number in the data set
    fragments: list[Fragment]
    facts: SceneFacts | None  # with the first part of a scene
    is_last: bool  # of the scene


class FragmentStream(IterableDataset):
    """The parts of the scenes with the numbers `scenes` of a data set in `test_mode`, in turn.

    Every first part of a view, and every crop, brings the pyramid of `plan` under the key "pyramid", unless
    it has over MAX_POINTS_AHEAD points: the other parts of a view lie in the same voxels. With `once` each
    voxel is predicted once, see `TestScene.voxelized`.
    """

    def __init__(
        self,
        dataset: SceneDataset,
        scenes: Sequence[int],
        plan: PyramidPlan | None = None,
        once: bool = False,
    ) -> None:
        self.dataset, self.scenes, self.plan, self.once = dataset, list(scenes), plan, once

    def __iter__(self) -> Iterator[StreamedPart]:
        worker = get_worker_info()
        mine, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        turn = 0
        for number in self.scenes:
            scene = self.dataset.test_scene(number)
            scene = scene.voxelized() if self.once else scene
            for part in scene.parts():
                if turn % workers == mine:
                    yield StreamedPart(number, self._fragments(part), _facts(scene, part), part.is_last)
                turn += 1
                del part  # with it goes the view, before the next one is made

    def _fragments(self, part: Part) -> list[Fragment]:
        fragments = part.fragments()
        if self.plan is None or (part.number > 0 and part.maker.crop is None):
            return fragments
        return [_with_pyramid(fragment, self.plan) for fragment in fragments]


def stream_fragments(
    dataset: SceneDataset,
    scenes: Sequence[int],
    *,
    num_workers: int = 0,
    plan: PyramidPlan | None = None,
    once: bool = False,
    worker_start: Callable[[int], None] = worker_init,
) -> DataLoader:
    """Loader of a FragmentStream with `num_workers` processes (at most MAX_WORKERS; 0: this one).

    Each begins with `worker_start(its number)`, and has one part in the making or waiting at any time. This
    process makes no pyramids: it leaves them to the network.
    """
    workers = min(num_workers, MAX_WORKERS) if scenes else 0
    stream = FragmentStream(dataset, scenes, plan if workers else None, once)
    return DataLoader(
        stream,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=1 if workers else None,
        collate_fn=_as_it_is,
        worker_init_fn=worker_start,
        generator=torch.Generator(),
    )


def _facts(scene: TestScene, part: Part) -> SceneFacts | None:
    if part.view > 0 or part.number > 0:
        return None
    return SceneFacts(
        scene.name, scene.coord, scene.color, scene.segment, scene.num_points, scene.num_views, scene.inverse
    )


def _with_pyramid(fragment: Fragment, plan: PyramidPlan) -> Fragment:
    inputs = fragment.inputs
    if len(fragment.index) > MAX_POINTS_AHEAD or not {"grid_coord", "offset"} <= set(inputs):
        return fragment
    pyramid = plan.build(inputs["grid_coord"], offset2batch(inputs["offset"]))
    return replace(fragment, inputs={**inputs, "pyramid": pyramid})


def _as_it_is(item: Any) -> Any:
    return item
