"""A tester that notes the weights it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pointcept.models.builder import Registry

TESTERS = Registry()


@TESTERS.register_module("SemSegTester")
class Tester:
    def __init__(self, cfg: Any, verbose: bool = False) -> None:
        self.cfg, self.verbose = cfg, verbose

    def test(self) -> None:
        Path(self.cfg.save_path, "tested").write_text(f"{self.cfg.weight} verbose={self.verbose}")
