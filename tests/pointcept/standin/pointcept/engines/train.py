"""A trainer that notes the config it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pointcept.models.builder import Registry, build_model

TRAINERS = Registry()


@TRAINERS.register_module("DefaultTrainer")
class Trainer:
    def __init__(self, cfg: Any) -> None:
        self.cfg = cfg
        backbone = dict(cfg.model.backbone)
        self.network = build_model(backbone)

    def train(self) -> None:
        note = f"resume={self.cfg.resume} weight={self.cfg.weight} backend={self.network.config.backend}"
        Path(self.cfg.save_path, "trained").write_text(note)
