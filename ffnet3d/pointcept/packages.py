"""Pointcept's models, where some of them lack a compiled part that FFNet3D has no need of."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import pkgutil
import sys
from types import ModuleType

logger = logging.getLogger(__name__)

PACKAGE = "pointcept.models"
NEEDED = ("builder", "losses", "utils.structure", "modules", "default")
EXPORTED = {"build_model": "builder", "PointModule": "modules", "DefaultSegmentor": "default"}


def import_models() -> ModuleType:
    """`pointcept.models`, whole if that can be imported, else without the models that cannot.

    Its own import is all or nothing, and asks for pointops, pointgroup_ops, ocnn and more. ImportError where
    Pointcept is not there, or lacks what every model needs.
    """
    try:
        return importlib.import_module(PACKAGE)
    except Exception as error:  # a missing part surfaces as any kind of error
        if importlib.util.find_spec("pointcept") is None:
            raise absent(error, "put its checkout on the path (PYTHONPATH)") from error
        try:
            return import_what_can_be()
        except ImportError as needed:
            sys.modules.pop(PACKAGE, None)
            raise absent(needed, "install what its README asks for") from needed


def absent(error: Exception, remedy: str) -> ImportError:
    """An ImportError that says what to do."""
    return ImportError(
        f"Pointcept cannot be imported ({error}): {remedy}; ffnet3d trains without it too (-e standalone)"
    )


def import_what_can_be() -> ModuleType:
    """The package without its own code: what every model needs, then each model that can be imported."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise ImportError(f"no module named {PACKAGE!r}")
    package = sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    for name in NEEDED:
        importlib.import_module(f"{PACKAGE}.{name}")
    for name, module in EXPORTED.items():
        setattr(package, name, getattr(sys.modules[f"{PACKAGE}.{module}"], name))
    for entry in pkgutil.iter_modules(package.__path__):
        try:
            # Those that the failed import had reached hang on the package that it has dropped.
            setattr(package, entry.name, importlib.import_module(f"{PACKAGE}.{entry.name}"))
        except Exception as error:
            logger.warning("Pointcept's %s is left out: %s", entry.name, error)
    return package
