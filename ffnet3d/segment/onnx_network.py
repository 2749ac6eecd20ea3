"""A network that ONNX Runtime runs, on a CPU, without torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnet3d.processes import usable_cores
from ffnet3d.registry import require
from ffnet3d.segment.exported import exported_of
from ffnet3d.segment.network import StageReach
from ffnet3d.voxels.numpy_pyramid import build_numpy_pyramid


class OnnxNetwork:
    """`VoxelNetwork` of an .onnx file that `ffnet3d export` wrote; nothing is executed but its graph.

    Args:
        path: the file.
        threads: of ONNX Runtime; None: OMP_NUM_THREADS, else the cores that this process may use.

    Raises:
        ValueError: naming the file, where it is missing, damaged, or not of `ffnet3d export`.
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        runtime = require("onnxruntime", "export")
        self.session = _open(Path(path), _threads(threads))
        exported = exported_of(self.session.get_modelmeta().custom_metadata_map, str(path))
        self.recipe = exported.recipe
        self.strides = exported.strides
        self.kernel_sizes = exported.kernel_sizes
        self.reach: StageReach | None = exported.reach
        self._check_features(path)
        millions = exported.parameters / 1e6
        self.description = (
            f"FFNet3D, {millions:.1f} M parameters, ONNX Runtime {runtime.__version__} float32 on cpu"
        )

    def logits(self, features: NDArray[np.float32], grid_coord: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features [V, in_channels] of distinct voxels [V, 3], 0..65535 -> logits [V, classes]."""
        pyramid = build_numpy_pyramid(grid_coord, self.strides, self.kernel_sizes)
        if pyramid.levels[0].num_voxels != len(features):
            raise ValueError(
                f"{len(features)} rows of features for {pyramid.levels[0].num_voxels} distinct voxels: give "
                "each voxel one row"
            )
        rows = pyramid.point_to_voxel
        in_order = np.empty_like(features)
        in_order[rows] = features
        (logits,) = self.session.run(["logits"], {"features": in_order, **pyramid.tables()})
        given: NDArray[np.float32] = logits[rows]
        return given

    def _check_features(self, path: str | Path) -> None:
        shapes = {argument.name: argument.shape for argument in self.session.get_inputs()}
        width = shapes.get("features", [None])[-1]
        if width != self.recipe.in_channels:
            raise ValueError(
                f"{path} takes {width} numbers a voxel, its recipe has {', '.join(self.recipe.features)}: "
                "export it again"
            )


def _open(path: Path, threads: int) -> Any:
    """An ONNX Runtime session on the file; ValueError naming it where that fails."""
    if not path.is_file():
        raise ValueError(f"{path} does not exist: make it with ffnet3d export WEIGHTS {path.name}")
    runtime = require("onnxruntime", "export")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors, which are raised as well
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no base class
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} is damaged, or no ONNX file ({reason}): export it again") from error


def _threads(threads: int | None) -> int:
    if threads is not None:
        if threads < 1:
            raise ValueError(f"threads must be 1 or more, got {threads}")
        return threads
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return usable_cores()
