"""What the segmentors and the classifier ask of a backbone."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .builder import MODELS, build_model
from .utils.structure import Point


@MODELS.register_module()
class DefaultSegmentor(nn.Module):
    """Takes the backbone's answer to a plain dict for the logits."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = build_model(backbone)

    def forward(self, batch: dict[str, Any]) -> torch.Tensor:
        logits: torch.Tensor = self.backbone(batch).log_softmax(dim=1)
        return logits


@MODELS.register_module()
class DefaultSegmentorV2(nn.Module):
    """Hands a Point on, and joins an encoder's levels along the poolings."""

    def __init__(self, num_classes: int, backbone_out_channels: int, backbone: Any) -> None:
        super().__init__()
        self.seg_head = nn.Linear(backbone_out_channels, num_classes)
        self.backbone = build_model(backbone)

    def forward(self, batch: dict[str, Any]) -> torch.Tensor:
        point = self.backbone(Point(batch))
        assert isinstance(point, Point)
        while "pooling_parent" in point:
            parent, inverse = point.pop("pooling_parent"), point.pop("pooling_inverse")
            parent.feat = torch.cat([parent.feat, point.feat[inverse]], dim=-1)
            point = parent
        logits: torch.Tensor = self.seg_head(point.feat)
        return logits


@MODELS.register_module()
class DefaultClassifier(nn.Module):
    """Averages the points of each scene, by the offset of the backbone's Point."""

    def __init__(self, num_classes: int, backbone_embed_dim: int, backbone: Any) -> None:
        super().__init__()
        self.backbone = build_model(backbone)
        self.head = nn.Linear(backbone_embed_dim, num_classes)

    def forward(self, batch: dict[str, Any]) -> torch.Tensor:
        point = self.backbone(Point(batch))
        counts = torch.diff(point.offset, prepend=point.offset.new_zeros(1)).tolist()
        logits: torch.Tensor = self.head(torch.stack([part.mean(0) for part in point.feat.split(counts)]))
        return logits


@MODELS.register_module("PPT-v1m1")
class PointPromptTraining(nn.Module):
    """Knows its backbones by name, and gives the batch the embedding of its data set."""

    def __init__(self, backbone: Any = None, conditions: tuple[str, ...] = ("ScanNet", "S3DIS")) -> None:
        super().__init__()
        assert backbone.type in ["SpUNet-v1m3", "PT-v2m3", "PT-v3m1"]
        self.backbone = MODELS.build(backbone)
        self.conditions = conditions
        self.embedding_table = nn.Embedding(len(conditions), 256)

    def forward(self, batch: dict[str, Any]) -> torch.Tensor:
        index = torch.tensor([self.conditions.index(batch["condition"][0])])
        batch["context"] = self.embedding_table(index)
        point = self.backbone(batch)
        feat: torch.Tensor = point.feat if isinstance(point, Point) else point
        return feat
