"""What is compared with the released code: networks, sizes of scenes, and what is kept of the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from models.released.scenes import CHANNELS, make_batch
from models.released.weights import stream
from torch import Tensor

SMALL: dict[str, Any] = {
    "stride": (2, 2, 2),
    "enc_depths": (1, 1, 2, 1),
    "enc_channels": (16, 24, 32, 48),
    "dec_depths": (1, 1, 1),
    "dec_channels": (20, 24, 32),
}
CONDITIONS = ("ScanNet", "S3DIS", "Structured3D")
BATCH_NORMS = {"pdnorm_bn": True, "pdnorm_conditions": CONDITIONS}
# Without affine parameters, which the released code cannot initialise in a batch norm.
LAYER_NORMS = {"pdnorm_ln": True, "pdnorm_affine": False, "pdnorm_conditions": CONDITIONS}
CRITERIA = [
    {"type": "CrossEntropyLoss", "loss_weight": 1.0, "ignore_index": -1},
    {"type": "LovaszLoss", "mode": "multiclass", "loss_weight": 1.0, "ignore_index": -1},
]
ORDERS = ("z", "z-trans", "hilbert", "hilbert-trans")  # of the released configs
PROJECTIONS = 4


@dataclass(frozen=True)
class Case:
    """A network, by its backbone's arguments, on batches of two scenes."""

    backbone: Mapping[str, Any] = field(default_factory=dict)
    num_classes: int = 13
    sizes: tuple[int, ...] = (3000,)  # voxels of each scene
    rows: int = 128  # of features and logits that are recorded
    records_training: bool = True

    @property
    def arguments(self) -> dict[str, Any]:
        """The backbone's, complete but for its type; both codes take them. Nothing random remains."""
        return {"in_channels": CHANNELS, "order": ORDERS, "drop_path": 0.0, **self.backbone}

    @property
    def is_encoder(self) -> bool:
        """Whether there is no decoder, and no head."""
        return bool(self.backbone.get("cls_mode"))

    def batch(self, voxels: int, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
        """The batch, anew, with what is real in `dtype`."""
        batch = make_batch(voxels, self.num_classes)
        return {key: value.to(dtype) if is_real(value) else value for key, value in batch.items()}


CASES = {
    "released": Case(num_classes=20, sizes=(500, 3000, 20000), rows=256, records_training=False),
    "small": Case(SMALL, sizes=(500, 3000, 20000), rows=256),
    "relu": Case({**SMALL, "use_gelu": False}),
    "kernels-5-1": Case({**SMALL, "enc_ks": 5, "dec_ks": 1}),
    "kernels-1-3": Case({**SMALL, "enc_ks": 1, "mlp_ratio": 2.5}),
    "pdnorm-bn": Case({**SMALL, **BATCH_NORMS}),
    "pdnorm-bn-adaptive": Case({**SMALL, **BATCH_NORMS, "pdnorm_adaptive": True}),
    "pdnorm-ln-adaptive": Case({**SMALL, **LAYER_NORMS, "pdnorm_adaptive": True}),
    "pdnorm-both": Case({**SMALL, **BATCH_NORMS, "pdnorm_ln": True}),
    "encoder": Case({**SMALL, "cls_mode": True}, records_training=False),
}
RUNS = [(name, voxels) for name, case in CASES.items() for voxels in case.sizes]


@dataclass(frozen=True)
class Evaluation:
    """Results in evaluation mode: of the points in their order, of an encoder by scene and grid position."""

    features: Tensor  # [N, C]
    logits: Tensor | None  # [N, classes]

    def tensors(self) -> dict[str, Tensor]:
        """Those that there are, by name."""
        found = {"features": self.features, "logits": self.logits}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Training:
    """Results of one step in training mode."""

    losses: Tensor  # [2]: cross entropy alone, and the sum with Lovasz
    gradients: Mapping[str, Tensor]  # by released name, in the released layout


def is_real(value: Any) -> bool:
    """Whether a value is a tensor of real numbers."""
    return isinstance(value, Tensor) and value.is_floating_point()


def pick_rows(total: int, wanted: int) -> np.ndarray:
    """The rows that are recorded of a result with `total` rows."""
    return np.sort(stream(f"rows of {total}").permutation(total)[:wanted])


def project(name: str, gradient: Tensor) -> np.ndarray:
    """Inner products [PROJECTIONS] of a gradient with random directions of unit variance, in float64.

    The difference of two gradients g and h has projections of the size of |g - h|.
    """
    values = gradient.detach().double().reshape(-1).numpy()
    directions = stream(f"directions of {name}").random((PROJECTIONS, len(values))) * 2 - 1
    return np.sqrt(3) * directions @ values


def module_scales(gradients: Mapping[str, float]) -> dict[str, float]:
    """For each parameter the largest of the given magnitudes among the parameters of its module.

    A bias in front of a batch norm has a zero gradient: what is computed of it is the rounding of sums as
    large as those of the weight beside it, which therefore is its scale.
    """
    largest: dict[str, float] = {}
    for name, value in gradients.items():
        module = name.rpartition(".")[0]
        largest[module] = max(largest.get(module, 0.0), value)
    return {name: largest[name.rpartition(".")[0]] for name in gradients}


def scene_means(features: Tensor, batch: Tensor) -> Tensor:
    """Mean features [B, C] of each scene's voxels."""
    return torch.stack([features[batch == scene].mean(dim=0) for scene in batch.unique()])
