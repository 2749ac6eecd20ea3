"""FFNet for 3D: pure convolutional segmentation of point clouds (arXiv 2406.02021).

`create_model(name)` builds a preset, `save_pretrained` and `from_pretrained` write and read shared weights,
`merge` folds the branches of training into one kernel, `fuse` makes a copy that predicts faster, `Segmenter`
labels points with trained weights. They, and `FFNet3D`, are imported on first use, so that `import ffnet3d`
itself is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ffnet3d.version import __version__

if TYPE_CHECKING:
    from ffnet3d.models import FFNet3D, create_model, from_pretrained, fuse, merge, save_pretrained
    from ffnet3d.segment.segmenter import Segmenter

__all__ = [
    "FFNet3D",
    "Segmenter",
    "__version__",
    "create_model",
    "from_pretrained",
    "fuse",
    "merge",
    "save_pretrained",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ffnet3d' has no attribute {name!r}")
    if name == "Segmenter":  # needs no torch where an ONNX file is used
        from ffnet3d.segment import segmenter

        return segmenter.Segmenter
    from ffnet3d import models

    return getattr(models, name)


def __dir__() -> list[str]:
    return sorted(__all__)
