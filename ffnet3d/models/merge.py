"""A model whose branches are one kernel: the same outputs at the cost of that kernel (paper: appendix F)."""

from __future__ import annotations

import copy
from dataclasses import replace

from torch import nn

from ffnet3d.models.branches import MERGED, BranchedConv
from ffnet3d.models.network import FFNet3D
from ffnet3d.models.segmentor import DefaultSegmentor, DefaultSegmentorV2


def merge(model: nn.Module) -> nn.Module:
    """A copy of a model in evaluation mode, its branches and their batch norms folded into single kernels.

    It predicts the same. Its config says branches=("merged",), so that it can be saved and loaded as any
    other. A model without branches is copied as it is.
    """
    merged = copy.deepcopy(model).eval()
    for parent in list(merged.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, BranchedConv):
                setattr(parent, name, child.merged())
        if isinstance(parent, FFNet3D) and parent.config.branches:
            parent.config = replace(parent.config, branches=(MERGED,))
        elif isinstance(parent, DefaultSegmentor | DefaultSegmentorV2) and parent.config:
            _note(parent.config["backbone"])
    return merged


def _note(backbone: dict[str, object]) -> None:
    """Say in a backbone's plain config, which is this copy's own, that its branches are merged."""
    if backbone.get("branches"):
        backbone["branches"] = [MERGED]
