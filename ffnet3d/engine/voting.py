"""Labels by vote: the class probabilities of all views and fragments of a scene, summed at each point."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ffnet3d.data.fragments import TestScene
from ffnet3d.engine.evaluate import to_device


@torch.no_grad()
def sum_votes(network: nn.Module, scene: TestScene, num_classes: int, device: torch.device) -> Tensor:
    """Softmax probabilities [num_points, num_classes], float32, summed over the scene's fragments.

    The network is in evaluation mode. Fragments are made, used and dropped one at a time.
    """
    votes = torch.zeros(scene.num_points, num_classes, device=device)
    for fragment in scene.fragments():
        logits = network(to_device(fragment.inputs, device))["seg_logits"]
        votes.index_add_(0, fragment.index.to(device), logits.float().softmax(1))
    return votes


def vote(network: nn.Module, scene: TestScene, num_classes: int, device: torch.device) -> np.ndarray:
    """Predicted class of every point of the scene on disk: int64 [N]."""
    labels = sum_votes(network, scene, num_classes, device).argmax(1).cpu().numpy()
    return labels if scene.inverse is None else labels[scene.inverse]
