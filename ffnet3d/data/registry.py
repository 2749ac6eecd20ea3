"""Names of the data sets and transforms that configs build by `type=`, and the two types they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ffnet3d.registry import Registry

Sample: TypeAlias = dict[str, Any]
"""A scene as Pointcept holds it: "coord" [N, 3] m, "color" [N, 3] 0-255, "normal" [N, 3], "segment" [N]."""

Transform: TypeAlias = Callable[[Sample, np.random.Generator], Any]
"""A sample and the source of random draws in, a new sample out (several from GridSample(mode="test"))."""

TRANSFORMS = Registry("transform")
DATASETS = Registry("dataset")
