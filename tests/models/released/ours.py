"""FFNet3D on the cases, with the released weights brought over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from models.released.cases import CRITERIA, Case, Evaluation, Training
from torch import Tensor, nn

from ffnet3d.models import build_model
from ffnet3d.models.architecture import BACKBONE
from ffnet3d.models.release import from_release, from_release_entry, to_release_entry


def build_ours(case: Case) -> nn.Module:
    """The network of a case, without values: a segmentor, or the bare backbone of an encoder."""
    config: dict[str, Any] = {"type": "FFNet3D", **case.arguments}
    if not case.is_encoder:
        config = {
            "type": "DefaultSegmentorV2",
            "num_classes": case.num_classes,
            "backbone_out_channels": case.arguments.get("dec_channels", (64,))[0],
            "backbone": config,
            "criteria": CRITERIA,
        }
    with torch.device("meta"):
        return build_model(config)


def bring_weights(model: nn.Module, released: Mapping[str, Tensor], case: Case) -> None:
    """Load a released state dict into our network, whose tensors it replaces."""
    if case.backbone.get("pdnorm_ln"):  # refused as a whole, for the released code computes something else
        ours = dict(rename(name, value) for name, value in released.items())
    else:
        ours = from_release(released)
    model.load_state_dict(ours, strict=True, assign=True)


def rename(name: str, value: Tensor, to_ours: bool = True) -> tuple[str, Tensor]:
    """One entry of a state dict, with its prefix, on the other side."""
    plain = name.removeprefix(BACKBONE)
    new, value = from_release_entry(plain, value) if to_ours else to_release_entry(plain, value)
    return (new if plain == name else BACKBONE + new), value


def released_template(case: Case) -> dict[str, Tensor]:
    """The authors' names and shapes of a case's tensors, without values."""
    return dict(rename(name, value, to_ours=False) for name, value in build_ours(case).state_dict().items())


@torch.no_grad()
def evaluate_ours(model: nn.Module, case: Case, voxels: int) -> Evaluation:
    """Features and logits in evaluation mode."""
    batch = case.batch(voxels)
    model.eval()
    if case.is_encoder:
        encoding = model.encode(batch)
        level = encoding.pyramid.levels[-1]
        columns = (*reversed(level.grid_coord.t().tolist()), level.batch.tolist())
        return Evaluation(encoding.features[-1][torch.from_numpy(np.lexsort(columns))], None)
    features = model.backbone(batch)
    return Evaluation(features, model.seg_head(features))


def train_ours(model: nn.Module, case: Case, voxels: int, dtype: torch.dtype) -> Training:
    """Losses and gradients of one step in training mode; the model is spent, as the released one is."""
    batch = case.batch(voxels, dtype)
    model.to(dtype).train()
    model.zero_grad()
    logits: list[Tensor] = []
    hook = model.seg_head.register_forward_hook(lambda _, __, output: logits.append(output))
    loss = model(batch)["loss"]
    hook.remove()
    loss.backward()
    cross_entropy = model.criteria.losses[0](logits[0], batch["segment"])
    gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    renamed = dict(rename(name, value, to_ours=False) for name, value in gradients.items())
    return Training(torch.stack([cross_entropy, loss]).detach(), renamed)
