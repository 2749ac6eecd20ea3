"""Checkpoints of networks that no one has trained, and what a test wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ffnet3d.engine.build import build_dataset
from ffnet3d.engine.checkpoint import save_checkpoint
from ffnet3d.engine.config import Config
from ffnet3d.models import build_model

ROOMS = [f"Area_2-room_{room}" for room in range(3)]


def save_network(config: Config, seed: int) -> Path:
    """A checkpoint whose labels vary: its batch norms know the data, and its head is random."""
    torch.manual_seed(seed)
    network = build_model(config.model)
    fragment = next(build_dataset(config, "test").test_scene(0).fragments())
    with torch.no_grad():
        network.seg_head.weight.normal_(std=5)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.momentum = None  # the mean of all batches
        for _ in range(3):
            network.backbone(fragment.inputs)
    path = Path(config.save_path) / "model" / f"random_{seed}.pth"
    save_checkpoint(path, {"epoch": 0, "state_dict": network.state_dict()})
    return path


def read_labels(config: Config, scene: str, folder: str = "result") -> np.ndarray:
    """The labels that a test wrote of a scene."""
    return np.load(Path(config.save_path) / folder / f"{scene}_pred.npy")


def scores_and_scenes(file: Path) -> dict[str, Any]:
    """What a test.json says that does not depend on when and on what it was made."""
    summary = json.loads(file.read_text())
    del summary["provenance"]
    for scene in summary["scenes"]:
        del scene["seconds"]
    return summary
