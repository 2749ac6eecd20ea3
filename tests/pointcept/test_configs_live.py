"""Our configs in a real checkout of Pointcept, HEAD or 1.5.1.

    export POINTCEPT_ROOT=/path/to/Pointcept
    PYTHONPATH=$POINTCEPT_ROOT python -m pytest tests/pointcept/test_configs_live.py

Reading needs yapf beside the checkout (for 1.5.1 yapf<0.40.2); the rest needs what Pointcept's trainer does,
and is skipped where that is not there.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ffnet3d.engine.config import dump_config, load_config

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.glob("[!_]*/*.py"))

REGISTRIES = {
    "models": ("pointcept.models.builder", "MODELS"),
    "losses": ("pointcept.models.losses.builder", "LOSSES"),
    "optimizers": ("pointcept.utils.optimizer", "OPTIMIZERS"),
    "schedulers": ("pointcept.utils.scheduler", "SCHEDULERS"),
    "datasets": ("pointcept.datasets.builder", "DATASETS"),
    "transforms": ("pointcept.datasets.transform", "TRANSFORMS"),
    "hooks": ("pointcept.engines.hooks.builder", "HOOKS"),
    "trainers": ("pointcept.engines.train", "TRAINERS"),
    "testers": ("pointcept.engines.test", "TESTERS"),
}
# What fills them.
FILLING = ("ffnet3d.pointcept", "pointcept.datasets", "pointcept.engines.hooks")


def imported(*modules: str) -> list[Any]:
    """The modules; skips where there is no checkout, or it lacks what they need."""
    if "POINTCEPT_ROOT" not in os.environ:
        pytest.skip("set POINTCEPT_ROOT to a checkout of Pointcept, and put it on PYTHONPATH, to run this")
    try:
        return [importlib.import_module(module) for module in modules]
    except ImportError as error:
        pytest.skip(f"the checkout cannot be imported here: {error}")


def registry(kind: str) -> Any:
    """Pointcept's classes of that kind."""
    module, name = REGISTRIES[kind]
    return getattr(imported(*FILLING, module)[-1], name)


def theirs(path: Path) -> Any:
    """A config as Pointcept reads it, without the imports that it asks for."""
    (module,) = imported("pointcept.utils.config")
    return module.Config.fromfile(str(path), import_custom_modules=False)


def nodes(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every `type=` dict of a config, with its kind."""
    config = theirs(path)
    yield "models", config.model
    yield "models", config.model.backbone
    yield from (("losses", loss) for loss in config.model.criteria)
    yield "optimizers", config.optimizer
    yield "schedulers", config.scheduler
    yield from (("hooks", hook) for hook in config.hooks)
    yield "trainers", config.train
    yield "testers", config.test
    for part in (config.data.train, config.data.val, config.data.test):
        yield "datasets", part
        yield from (("transforms", transform) for transform in transforms(part))


def transforms(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All transforms of a data set, those of its tests too."""
    yield from part["transform"]
    test = part.get("test_cfg")
    if test:
        yield test["voxelize"]
        yield from test["post_transform"]
        yield from (transform for view in test["aug_transform"] for transform in view)


def accepts(entry: Any, arguments: set[str]) -> bool:
    """Whether a class takes these arguments."""
    parameters = inspect.signature(entry).parameters
    return any(p.kind is p.VAR_KEYWORD for p in parameters.values()) or arguments <= set(parameters)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_pointcept_reads_the_same_settings(path: Path) -> None:
    config = theirs(path)
    settings = {name: config[name] for name in config if not (name.startswith("_") or name.isupper())}
    ours = load_config(path)
    assert {name: ours[name] for name in settings} == settings
    assert settings["custom_imports"] == {"imports": ["ffnet3d.pointcept"]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_engine_reads_what_the_other_has_written(path: Path, tmp_path: Path) -> None:
    ours = load_config(path)
    dump_config(ours, tmp_path / "ours.py")
    config = theirs(tmp_path / "ours.py")
    assert {name: config[name] for name in config} == ours
    theirs(path).dump(str(tmp_path / "theirs.py"))
    assert load_config(tmp_path / "theirs.py") == ours


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_pointcept_has_every_type_of_a_config_with_these_arguments(path: Path) -> None:
    for kind, node in nodes(path):
        entry = registry(kind).get(node["type"])
        assert entry is not None, f"{kind}: {node['type']}"
        if kind != "datasets":  # theirs hand **kwargs on to a base
            assert accepts(entry, set(node) - {"type"}), f"{kind}: {node}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_pointcept_builds_the_transforms_and_losses_of_a_config(path: Path) -> None:
    for kind, node in nodes(path):
        if kind in ("transforms", "losses"):
            built = registry(kind).build(dict(node))
            assert type(built).__name__ == node["type"]
