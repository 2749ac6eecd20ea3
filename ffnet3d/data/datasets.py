"""Data sets of scene folders: ScanNet, ScanNet200, S3DIS, and any other in the same layout."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from torch.utils.data import Dataset

from ffnet3d.data.classes import (
    RGB,
    S3DIS13,
    S3DIS13_PALETTE,
    SCANNET20,
    SCANNET20_PALETTE,
    SCANNET200,
    SCANNET200_PALETTE,
)
from ffnet3d.data.fragments import FragmentMaker, TestScene, make_test_scene
from ffnet3d.data.normals import cache_folder, cached_normals
from ffnet3d.data.registry import DATASETS, Sample
from ffnet3d.data.scene import DEFAULT_ASSETS, read_scene
from ffnet3d.data.splits import list_scenes
from ffnet3d.data.transforms import Compose
from ffnet3d.registry import require

logger = logging.getLogger(__name__)


class SampleKey(NamedTuple):
    """Which sample of which epoch: with the data set's seed, all that its random draws depend on."""

    epoch: int
    index: int  # type: ignore[assignment]  # hides tuple.index


class SceneDataset(Dataset):
    """Scenes of a split, transformed.

    `dataset[SampleKey(epoch, index)]` draws from `np.random.default_rng((seed, epoch, index))` alone,
    whatever process makes it; `dataset[index]` is epoch 0. Training samples also carry `mix_draw`, a uniform
    number by which `collate` decides on Mix3D. In `test_mode`, `test_scene(index)` serves the tester.

    Args:
        split: a folder of `data_root`, a JSON file of relative scene paths there, or a sequence of these.
        data_root: folder of the data set.
        transform: list of `type=` dicts.
        test_mode: no looping, and `test_cfg` is built.
        test_cfg: `voxelize`, `crop`, `post_transform`, `aug_transform`, as in Pointcept.
        ignore_index: label of the points that count nowhere.
        loop: how often an epoch shows each scene.
        cache: keep the scenes read in memory (each worker process keeps its own).
        num_classes: labels must be below it; by default the number of `class_names`, if any.
        seed: of all random draws.
        cache_root: where estimated normals go; by default $FFNET3D_CACHE or ~/.cache/ffnet3d.

    Raises ValueError for a missing root or split, and, on reading, for a bad scene file (see `read_scene`).
    """

    assets: ClassVar[Mapping[str, str]] = DEFAULT_ASSETS
    required: ClassVar[tuple[str, ...]] = ("coord", "color")
    class_names: ClassVar[tuple[str, ...]] = ()
    palette: ClassVar[tuple[RGB, ...]] = ()

    def __init__(
        self,
        split: str | Sequence[str] = "train",
        data_root: str | Path = "data",
        transform: Sequence[Mapping[str, Any]] | None = None,
        test_mode: bool = False,
        test_cfg: Mapping[str, Any] | None = None,
        ignore_index: int = -1,
        loop: int = 1,
        cache: bool = False,
        num_classes: int | None = None,
        seed: int = 0,
        cache_root: str | Path | None = None,
    ) -> None:
        if test_mode and test_cfg is None:
            raise ValueError(
                "test_mode=True needs a test_cfg (voxelize, crop, post_transform, aug_transform)"
            )
        self.data_root = Path(data_root).expanduser()
        self.split = split
        self.transform = Compose(transform or [])
        self.test_mode = test_mode
        self.ignore_index = ignore_index
        self.loop = 1 if test_mode else loop
        self.cache = cache
        self.num_classes = num_classes or len(self.class_names) or None
        self.seed = seed
        self.cache_root = cache_root
        self.scenes = list_scenes(self.data_root, split)
        self._maker = FragmentMaker(test_cfg) if test_mode and test_cfg is not None else None
        self._cached: dict[int, Sample] = {}
        self._check_names()
        self._announce()

    def __len__(self) -> int:
        return len(self.scenes) * self.loop

    def __getitem__(self, key: int | SampleKey) -> Sample:
        epoch, index = key if isinstance(key, SampleKey) else SampleKey(0, int(key))
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        rng = np.random.default_rng((self.seed, epoch, index))
        mix_draw = float(rng.random())
        sample = self._transformed(self.read(index), rng)
        if not self.test_mode:
            sample["mix_draw"] = mix_draw
        return sample

    def read(self, index: int) -> Sample:
        """The untransformed scene: arrays as `read_scene` gives them, `normal` [N, 3], `name` and `split`."""
        position = index % len(self.scenes)
        if position in self._cached:
            return _copy(self._cached[position])
        folder = self.scenes[position]
        scene = read_scene(folder, self.assets, self.required, self.num_classes, self.ignore_index)
        if "normal" not in scene:
            scene["normal"] = self._estimated(scene["coord"], folder)
        scene["name"], scene["split"] = self.scene_name(folder), folder.parent.name
        if self.cache:
            self._cached[position] = _copy(scene)
        return scene

    def test_scene(self, index: int) -> TestScene:
        """The scene as the tester takes it: votes go to the points of its cloud, fragment by fragment."""
        if self._maker is None:
            raise ValueError("test_scene needs a data set with test_mode=True and a test_cfg")
        scene = self.read(index)
        seed = (self.seed, 0, index)
        cloud = self._transformed(scene, np.random.default_rng(seed))
        return make_test_scene(scene, cloud, self._maker, seed)

    def scene_name(self, folder: Path) -> str:
        """Name under which results of that scene are filed."""
        return folder.name

    def _estimated(self, coord: np.ndarray, folder: Path) -> np.ndarray:
        try:
            return cached_normals(coord, self.cache_root)
        except ValueError as error:
            raise ValueError(f"{folder}: normals cannot be estimated: {error}") from error

    def _transformed(self, scene: Sample, rng: np.random.Generator) -> Sample:
        name = scene["name"]
        try:
            sample: Sample = self.transform(scene, rng)
        except ValueError as error:
            raise ValueError(f"scene {name} of {self.data_root}: {error}") from error
        return sample

    def _check_names(self) -> None:
        name, count = Counter(map(self.scene_name, self.scenes)).most_common(1)[0]
        if self.test_mode and count > 1:
            raise ValueError(
                f"{self.data_root}: several scenes are named {name!r}, and results are filed by name: "
                "rename the folders, or test one split at a time"
            )

    def _announce(self) -> None:
        logger.info(
            "%d x %d scenes in split %s of %s", len(self.scenes), self.loop, self.split, self.data_root
        )
        file = f"{self.assets['segment']}.npy"
        if without := self._count_without(file):
            message = "%d of %d scenes have no %s: none of their points counts as labelled"
            logger.warning(message, without, len(self.scenes), file)
        file = f"{self.assets['normal']}.npy"
        if without := self._count_without(file):
            require("scipy.spatial", "train")
            logger.info(
                "%d of %d scenes have no %s: normals are estimated from the points and kept in %s",
                without,
                len(self.scenes),
                file,
                cache_folder(self.cache_root),
            )

    @property
    def has_labels(self) -> bool:
        """Whether any scene has a label file."""
        return self._count_without(f"{self.assets['segment']}.npy") < len(self.scenes)

    def _count_without(self, file: str) -> int:
        """Number of scenes that lack a file of that name."""
        return sum(not (folder / file).is_file() for folder in self.scenes)


@DATASETS.register()
class DefaultDataset(SceneDataset):
    """Any scenes in this layout; colour is optional, and no classes are presumed."""

    required: ClassVar[tuple[str, ...]] = ("coord",)


@DATASETS.register()
class ScanNetDataset(SceneDataset):
    """ScanNet with its 20 benchmark classes (`segment20.npy`)."""

    assets: ClassVar[Mapping[str, str]] = {**DEFAULT_ASSETS, "segment": "segment20"}
    class_names = SCANNET20
    palette = SCANNET20_PALETTE


@DATASETS.register()
class ScanNet200Dataset(SceneDataset):
    """The same scenes with the 200 classes of ScanNet200 (`segment200.npy`)."""

    assets: ClassVar[Mapping[str, str]] = {**DEFAULT_ASSETS, "segment": "segment200"}
    class_names = SCANNET200
    palette = SCANNET200_PALETTE


@DATASETS.register()
class S3DISDataset(SceneDataset):
    """S3DIS: splits are areas, a scene is named `Area_5-office_1`."""

    class_names = S3DIS13
    palette = S3DIS13_PALETTE

    def scene_name(self, folder: Path) -> str:
        """Area and room."""
        return f"{folder.parent.name}-{folder.name}"


def _copy(sample: Sample) -> Sample:
    """A copy whose arrays can be changed without changing the original."""
    return {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in sample.items()}
