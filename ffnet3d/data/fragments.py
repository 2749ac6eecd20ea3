"""Testing a scene at full resolution: views, and fragments that together cover every point.

The protocol is that of Pointcept's tester: each view is an augmented copy of the cloud; each view is cut into
fragments with one point per voxel; a network's class probabilities for them are summed at `Fragment.index`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from ffnet3d.data.registry import TRANSFORMS, Sample, Transform
from ffnet3d.data.transforms import Compose
from ffnet3d.registry import nearest

TEST_KEYS = ("voxelize", "crop", "post_transform", "aug_transform")


@dataclass(frozen=True)
class Fragment:
    """What the network gets at once (`inputs`: coord, grid_coord, feat, offset), and where it belongs."""

    inputs: dict[str, Any]
    index: torch.Tensor  # [M] int64: which point of the cloud each row is
    view: int


class FragmentMaker:
    """A config's `test_cfg`: `aug_transform` (a list for each view), `voxelize`, `crop`, `post_transform`."""

    def __init__(self, test_cfg: Mapping[str, Any]) -> None:
        for key in test_cfg:
            if key not in TEST_KEYS:
                raise ValueError(f"test_cfg has no key {key!r}: {nearest(key, TEST_KEYS)}")
        voxelize, crop = test_cfg.get("voxelize"), test_cfg.get("crop")
        self.voxelize: Transform | None = TRANSFORMS.build(voxelize) if voxelize else None
        self.crop: Transform | None = TRANSFORMS.build(crop) if crop else None
        self.post_transform = Compose(test_cfg.get("post_transform") or [])
        self.views = [Compose(view) for view in test_cfg.get("aug_transform") or [[]]]

    def fragments(self, cloud: Sample, seed: Sequence[int]) -> Iterator[Fragment]:
        """The fragments of every view, made one at a time; view v draws from the generator (*seed, v + 1)."""
        index = np.arange(len(cloud["coord"]))
        for view, transform in enumerate(self.views):
            rng = np.random.default_rng((*seed, view + 1))
            sample = transform({**cloud, "index": index}, rng)
            if len(sample["coord"]) != len(cloud["coord"]):
                raise ValueError(
                    f"test_cfg.aug_transform[{view}] changes the number of points; a view must not"
                )
            for part in _parts(self.voxelize, sample, rng):
                for crop in _parts(self.crop, part, rng):
                    yield self._finish(crop, view, rng)

    def _finish(self, part: Sample, view: int, rng: np.random.Generator) -> Fragment:
        inputs = dict(self.post_transform(part, rng))
        if "index" not in inputs:
            raise ValueError("test_cfg.post_transform loses 'index': add it to the keys of Collect")
        return Fragment(inputs, torch.as_tensor(inputs.pop("index")).long(), view)


@dataclass(frozen=True)
class TestScene:
    """A scene under test. Labels are voted for the `num_points` points of the cloud.

    Where the test transform thins the cloud itself (Copy + GridSample(return_inverse=True)), `inverse` [N]
    maps each original point to its row in the cloud; otherwise the cloud is the original, N = num_points.
    """

    __test__: ClassVar[bool] = False  # for pytest: this is no test class

    name: str
    coord: np.ndarray  # [N, 3] float32, metres, as on disk
    color: np.ndarray | None  # [N, 3] float32, 0-255, as on disk
    segment: np.ndarray  # [N] int32, ignore_index where unlabelled
    cloud: Sample
    maker: FragmentMaker
    seed: tuple[int, ...]
    inverse: np.ndarray | None = None

    @property
    def num_points(self) -> int:
        """Points that get votes."""
        return len(self.cloud["coord"])

    @property
    def num_views(self) -> int:
        """Augmented copies of the cloud, each of which gives every point at least one vote."""
        return len(self.maker.views)

    def fragments(self) -> Iterator[Fragment]:
        """All fragments of all views, each made when asked for; the same on every call."""
        try:
            yield from self.maker.fragments(self.cloud, self.seed)
        except ValueError as error:
            raise ValueError(f"scene {self.name}: test_cfg: {error}") from error


def make_test_scene(scene: Sample, cloud: Sample, maker: FragmentMaker, seed: tuple[int, ...]) -> TestScene:
    """Pair a scene as read with the cloud that the test transform made of it.

    ValueError where the transform changes the number of points without leaving an `inverse` map.
    """
    cloud = dict(cloud)
    segment = np.asarray(cloud.pop("segment"))
    inverse = None
    if "origin_segment" in cloud:
        segment, inverse = np.asarray(cloud.pop("origin_segment")), cloud.pop("inverse", None)
    if len(segment) != len(scene["coord"]) or (inverse is None and len(segment) != len(cloud["coord"])):
        raise ValueError(
            f"scene {scene['name']}: the test transform changes the number of points from "
            f"{len(scene['coord'])} to {len(cloud['coord'])}; thin it in test_cfg.voxelize alone, or put "
            "Copy(keys_dict=dict(segment='origin_segment')) before GridSample(return_inverse=True)"
        )
    inverse = None if inverse is None else np.asarray(inverse)
    return TestScene(scene["name"], scene["coord"], scene.get("color"), segment, cloud, maker, seed, inverse)


def _parts(transform: Transform | None, sample: Sample, rng: np.random.Generator) -> Iterator[Sample]:
    """The results of a transform that gives one sample or several; `sample` itself without a transform."""
    result: Any = sample if transform is None else transform(sample, rng)
    if isinstance(result, Mapping):
        yield dict(result)
    else:
        yield from result
