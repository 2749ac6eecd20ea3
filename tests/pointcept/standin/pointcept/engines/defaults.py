"""A config of attributes, written to the run's folder unless it is resumed."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from addict import Dict


def default_config_parser(file_path: str, options: dict[str, Any] | None) -> Any:
    assert options is None
    cfg = Dict(
        {name: value for name, value in runpy.run_path(file_path).items() if not name.startswith("__")}
    )
    Path(cfg.save_path, "model").mkdir(parents=True, exist_ok=True)
    if not cfg.resume:
        Path(cfg.save_path, "config.py").write_text(Path(file_path).read_text())
    return cfg


def default_setup(cfg: Any) -> Any:
    return cfg
