"""Configs: Python files in Pointcept's dialect, loaded, overridden, checked, and written down resolved."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from addict import Dict

from ffnet3d.atomic import write_atomic
from ffnet3d.engine.config_check import check_keys, validate_config
from ffnet3d.engine.config_file import format_config, plain, read_config_file
from ffnet3d.engine.config_keys import KEYS, VARIABLES
from ffnet3d.engine.config_overrides import apply_overrides
from ffnet3d.engine.custom_imports import import_custom

__all__ = ["Config", "apply_data_root", "dump_config", "load_config", "validate_config"]

DATA_PARTS = ("train", "val", "test")


class Config(Dict):
    """A dict whose items are attributes too, at every depth; a missing one is an error."""

    def __missing__(self, name: str) -> Any:
        raise KeyError(name)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the config has no {name!r} (it has {', '.join(map(str, self))})") from None

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value if isinstance(value, Config) else self._hook(value))


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """The settings of a config file and its bases, the overrides (`key.sub=value`), defaults for the rest.

    An override `data_root=FOLDER` reaches every part of `data`. Raises ValueError naming the file, and the
    key that is not known (with the nearest one) or holds what it cannot. Imports `custom_imports`.
    """
    settings = read_config_file(path, check_keys, {*KEYS, *VARIABLES})
    defaults = {name: copy.deepcopy(key.default) for name, key in KEYS.items() if not key.required}
    settings |= {name: value for name, value in defaults.items() if name not in settings}
    data_roots = [word for word in overrides if word.startswith("data_root=")]
    settings = apply_overrides(settings, [word for word in overrides if word not in data_roots])
    check_keys(settings, f"{path} as overridden")
    config = Config(settings)
    for word in data_roots:
        apply_data_root(config, word.partition("=")[2])
    import_custom(config)
    return config


def apply_data_root(config: Config, root: str | Path) -> None:
    """Take the scenes of every part of `data` from the folder `root`; ValueError if there is no part."""
    parts = [part for part in DATA_PARTS if part in config.get("data", {})]
    if not parts:
        raise ValueError(
            f"data_root={root}: this config has no data.train, data.val or data.test to apply it to"
        )
    for part in parts:
        config.data[part].data_root = str(root)
    if "data_root" in config:
        config.data_root = str(root)


def dump_config(config: Mapping[str, Any], path: str | Path) -> None:
    """Write the resolved config as a Python file that both engines read."""
    text = format_config(plain(config, "config"))
    write_atomic(Path(path), lambda file: file.write(text.encode("utf-8")))
