"""Testing a scene at full resolution: views, and fragments that together cover every point.

The protocol is that of Pointcept's tester: each view is an augmented copy of the cloud; each view is cut into
fragments with one point per voxel; a network's class probabilities for them are summed at `Fragment.index`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch

from ffnet3d.data.registry import TRANSFORMS, Sample, Transform
from ffnet3d.data.transforms import Compose, GridSample
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

    def parts(self, scene: str, cloud: Sample, seed: Sequence[int]) -> Iterator[Part]:
        """What `voxelize` makes of every view of the cloud of a scene, before crop and post_transform.

        View v draws from the generator (*seed, v + 1). One view is in memory at a time, if its parts are
        dropped before the next one is asked for.
        """
        index = np.arange(len(cloud["coord"]))
        for view, transform in enumerate(self.views):
            rng = np.random.default_rng((*seed, view + 1))
            sample = transform({**cloud, "index": index}, rng)
            if len(sample["coord"]) != len(cloud["coord"]):
                raise ValueError(
                    f"test_cfg.aug_transform[{view}] changes the number of points; a view must not"
                )
            samples = _several(self.voxelize, sample, rng)
            del sample
            for number in range(len(samples)):
                last = view == len(self.views) - 1 and number == len(samples) - 1
                yield Part(scene, self, samples, number, view, last, (*seed, view + 1, number + 1))
            del samples

    def unvoxelized(self) -> FragmentMaker:
        """The same crop and post_transform, on the cloud as it is: one view, one part."""
        maker = copy.copy(self)
        maker.voxelize, maker.views = None, [Compose()]
        return maker

    def finish(self, part: Sample, view: int, rng: np.random.Generator) -> Fragment:
        """The part as the network gets it."""
        inputs = dict(self.post_transform(part, rng))
        if "index" not in inputs:
            raise ValueError("test_cfg.post_transform loses 'index': add it to the keys of Collect")
        return Fragment(inputs, torch.as_tensor(inputs.pop("index")).long(), view)


@dataclass(frozen=True, eq=False)
class Part:
    """One of the samples that `voxelize` makes of a view: one fragment, or as many as there are crops.

    It is made when asked for, from its own random draws, so that those not asked for cost nothing.
    """

    scene: str
    maker: FragmentMaker
    samples: Sequence[Sample]  # of the view
    number: int  # of this one
    view: int
    is_last: bool  # of the scene
    seed: tuple[int, ...]

    def fragments(self) -> list[Fragment]:
        """The fragments, the same on every call."""
        rng = np.random.default_rng(self.seed)
        with _named(self.scene):
            crops = _several(self.maker.crop, self.samples[self.number], rng)
            return [self.maker.finish(crop, self.view, rng) for crop in crops]


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

    def parts(self) -> Iterator[Part]:
        """All parts of all views in turn."""
        with _named(self.name):
            yield from self.maker.parts(self.name, self.cloud, self.seed)

    def fragments(self) -> Iterator[Fragment]:
        """All fragments of all views, each made when asked for; the same on every call."""
        for part in self.parts():
            yield from part.fragments()

    def voxelized(self) -> TestScene:
        """The scene as one view without augmentation, of which each voxel is predicted once.

        The cloud is thinned to a random point of each voxel of test_cfg.voxelize, which the `inverse` map
        stands for. ValueError where the config's voxels cannot be told.
        """
        grid = self.maker.voxelize
        if not isinstance(grid, GridSample):
            raise ValueError("one prediction a voxel needs test_cfg.voxelize=dict(type='GridSample', ...)")
        once = replace(grid, mode="train", return_inverse=True, return_grid_coord=True)
        thinned: Any = once(self.cloud, np.random.default_rng((*self.seed, self.num_views + 1)))
        cloud = dict(thinned)
        inverse = cloud.pop("inverse")
        if self.inverse is not None:
            inverse = inverse[self.inverse]
        return replace(self, cloud=cloud, maker=self.maker.unvoxelized(), inverse=inverse)


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


@contextmanager
def _named(scene: str) -> Iterator[None]:
    """Put the scene before the text of a ValueError from within."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"scene {scene}: test_cfg: {error}") from error


def _several(transform: Transform | None, sample: Sample, rng: np.random.Generator) -> Sequence[Sample]:
    """The results of a transform that gives one sample or several; `sample` itself without a transform."""
    result: Any = sample if transform is None else transform(sample, rng)
    return [dict(result)] if isinstance(result, Mapping) else result
