"""Semantic segmentation: a backbone, a linear head, and the loss (Pointcept's names and dictionaries)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ffnet3d.models.layers import Linear
from ffnet3d.models.losses import Criteria, build_criteria
from ffnet3d.models.registry import MODELS, build_model

Config = Mapping[str, Any]


@MODELS.register()
class DefaultSegmentor(nn.Module):
    """Segmentation by a backbone whose output is the logits."""

    def __init__(self, backbone: Config | nn.Module, criteria: Sequence[Config] | None = None) -> None:
        super().__init__()
        self.config = _plain(type="DefaultSegmentor", backbone=backbone, criteria=criteria)
        self.backbone = build_model(backbone)
        self.criteria = build_criteria(criteria)

    def forward(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Training: `loss`. Evaluation: `seg_logits` [N, C], and `loss` where the batch has `segment` [N]."""
        return segmentation_output(self, self.backbone(batch), batch)


@MODELS.register()
class DefaultSegmentorV2(nn.Module):
    """Segmentation by a backbone whose output is features [N, backbone_out_channels], and a linear head.

    `num_classes=0` leaves the features as they are. ValueError where head and backbone differ in width.
    """

    def __init__(
        self,
        num_classes: int,
        backbone_out_channels: int,
        backbone: Config | nn.Module,
        criteria: Sequence[Config] | None = None,
        freeze_backbone: bool = False,
    ) -> None:
        super().__init__()
        self.config = _plain(
            type="DefaultSegmentorV2",
            num_classes=num_classes,
            backbone_out_channels=backbone_out_channels,
            backbone=backbone,
            criteria=criteria,
            freeze_backbone=freeze_backbone,
        )
        # The head first, as in Pointcept: checkpoints number the optimizer's parameters in this order.
        self.seg_head = Linear(backbone_out_channels, num_classes) if num_classes > 0 else nn.Identity()
        self.backbone = build_model(backbone)
        width = getattr(self.backbone, "out_channels", backbone_out_channels)
        if width != backbone_out_channels:
            raise ValueError(
                f"backbone_out_channels is {backbone_out_channels}, the backbone's output has {width}"
            )
        self.criteria = build_criteria(criteria)
        if freeze_backbone:
            self.backbone.requires_grad_(False)

    def forward(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Training: `loss`. Evaluation: `seg_logits` [N, C], and `loss` where the batch has `segment` [N]."""
        return segmentation_output(self, self.seg_head(self.backbone(batch)), batch)


def segmentation_output(
    model: DefaultSegmentor | DefaultSegmentorV2, seg_logits: Tensor, batch: Mapping[str, Any]
) -> dict[str, Tensor]:
    """What a segmentor returns; ValueError where training lacks the labels."""
    criteria: Criteria = model.criteria
    if model.training:
        if "segment" not in batch:
            raise ValueError(
                "training needs 'segment' [N], the points' labels, in the batch (in a config: among "
                "Collect's keys); to predict, call model.eval()"
            )
        return {"loss": criteria(seg_logits, batch["segment"])}
    if "segment" in batch and len(criteria.losses) > 0:
        return {"loss": criteria(seg_logits, batch["segment"]), "seg_logits": seg_logits}
    return {"seg_logits": seg_logits}


def _plain(**config: Any) -> dict[str, Any] | None:
    """The config as plain dicts and lists, for JSON; None where the backbone came as a module."""
    if isinstance(config["backbone"], nn.Module):
        return None
    return {key: _to_plain(value) for key, value in config.items()}


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    return value
