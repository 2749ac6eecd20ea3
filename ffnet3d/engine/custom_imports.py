"""Modules that a config names to be imported first: they register mixers and data sets of one's own."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import Any

OURS = "ffnet3d.pointcept"  # makes Pointcept's tools find this package, and needs Pointcept

logger = logging.getLogger(__name__)


def import_custom(config: Mapping[str, Any]) -> None:
    """Import what `custom_imports = dict(imports=[...])` of a config names.

    One that cannot be imported is a warning, not an error: a config of Pointcept may name modules that only
    Pointcept needs. What it would have registered is unknown then, and an error where it is asked for.
    """
    for name in (config.get("custom_imports") or {}).get("imports", ()):
        if name == OURS:
            continue
        try:
            importlib.import_module(name)
        except ImportError as error:
            logger.warning("custom_imports: %s (is its folder on PYTHONPATH?)", error)
