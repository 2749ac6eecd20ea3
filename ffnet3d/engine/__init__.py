"""The engine: configs, training, evaluation, testing, metrics, checkpoints.

Import what you need from its modules (`from ffnet3d.engine.config import load_config`): some of them need the
`train` extra, so none is imported here.
"""

from __future__ import annotations

__all__: list[str] = []
