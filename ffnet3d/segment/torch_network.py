"""A network that PyTorch runs: fused, on any device, in float32 or bfloat16."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ffnet3d.models import FFNet3D, fuse
from ffnet3d.models.layers import use_backend
from ffnet3d.segment.network import StageReach
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.stage_reach import stage_reach
from ffnet3d.voxels.kernels import sorted_kernels

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class TorchNetwork:
    """`VoxelNetwork` of a segmentor in evaluation mode.

    Args:
        segmentor: it stays as it is; a fused copy predicts.
        recipe: see there; its features must have the network's width.
        device: such as "cpu" or "cuda"; None: a GPU where there is one.
        dtype: "float32" or "bfloat16".
        condition: for networks with norms by data set, the data set whose norms apply.

    Raises:
        ValueError: a segmentor without FFNet3D, a recipe that does not fit it, an unknown dtype or condition.
    """

    def __init__(
        self,
        segmentor: nn.Module,
        recipe: Recipe,
        device: str | None = None,
        dtype: str = "float32",
        condition: str | None = None,
    ) -> None:
        self.device = choose_device(device)
        if dtype not in DTYPES:
            raise ValueError(f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}")
        backbone = find_backbone(segmentor)
        config = backbone.config
        check_recipe(recipe, config.in_channels)
        self.recipe = recipe
        self.strides = config.stride
        self.kernel_sizes = tuple(tuple(sorted_kernels(sizes)) for sizes in config.kernel_sizes())
        self.reach: StageReach | None = stage_reach(backbone)
        self.condition = check_condition(condition, config.pdnorm_conditions if config.has_prompt else ())
        self.model = fuse(segmentor, DTYPES[dtype]).to(self.device)
        use_backend(self.model, "auto", self.device.type)
        millions = sum(parameter.numel() for parameter in segmentor.parameters()) / 1e6
        self.description = f"FFNet3D, {millions:.1f} M parameters, PyTorch {dtype} on {self.device}"

    @torch.inference_mode()
    def logits(self, features: NDArray[np.float32], grid_coord: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features [V, in_channels] of distinct voxels [V, 3], 0..65535 -> logits [V, classes]."""
        batch = {
            "feat": torch.from_numpy(features).to(self.device),
            "grid_coord": torch.from_numpy(grid_coord).to(self.device),
            "offset": torch.tensor([len(features)], device=self.device),
            "condition": self.condition,
        }
        logits: NDArray[np.float32] = self.model(batch)["seg_logits"].float().cpu().numpy()
        return logits


def choose_device(device: str | None) -> torch.device:
    """The device of that name, by default a GPU where there is one; ValueError where it cannot be used."""
    try:
        chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {device!r} cannot be used here ({reason}): leave --device out") from error
    return chosen


def find_backbone(segmentor: nn.Module) -> FFNet3D:
    """The one FFNet3D in a segmentor; ValueError where there is none, or it segments no points."""
    found = [module for module in segmentor.modules() if isinstance(module, FFNet3D)]
    if len(found) != 1 or found[0].config.cls_mode:
        raise ValueError("the weights are of no network that segments points with one FFNet3D")
    return found[0]


def check_recipe(recipe: Recipe, in_channels: int) -> None:
    """ValueError where the features are not as wide as the network's input."""
    if recipe.in_channels != in_channels:
        raise ValueError(
            f"the network takes {in_channels} numbers a point, but the features {', '.join(recipe.features)} "
            f"are {recipe.in_channels}: say which it was trained on (--features color,normal)"
        )


def check_condition(condition: str | None, known: tuple[str, ...]) -> str | None:
    """The condition where the network has any; ValueError where it is missing, unknown, or of no use."""
    if condition is not None and not known:
        raise ValueError(f"--condition {condition}: this network has no norms by data set")
    if known and condition not in known:
        raise ValueError(
            f"this network has norms by data set: give --condition, one of {', '.join(known)}"
            + (f", not {condition}" if condition else "")
        )
    return condition
