"""Config files in Pointcept's dialect: Python files that build on others by `_base_`.

A file's names are its settings. `_base_` (a path or a list of paths, relative to the file) names files whose
settings it starts from: its dicts are merged into theirs; anything else, and a dict with `_delete_=True`,
replaces theirs. A file may have helpers, which are no settings: imported modules, functions, names in
capitals or with a leading underscore, and names that no engine knows and the file itself reads further down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from pprint import pformat
from typing import Any

from ffnet3d.engine.config_source import run_source

BASE, DELETE = "_base_", "_delete_"
PLAIN = (str, int, float, bool, type(None))


Check = Callable[[Mapping[str, Any], str], None]


def read_config_file(path: str | Path, check: Check, known: Collection[str] = ()) -> dict[str, Any]:
    """The settings of a file and of its bases, merged: dicts, lists, tuples and plain values.

    `check(settings, file)` is called with what each of the files sets, and raises where that is not right.
    `known` are settings, even where their file reads them further down.
    Raises ValueError naming the file and line that cannot be run, a loop of bases, a name that two bases set,
    and a value that no config file can hold.
    """
    settings: dict[str, Any] = _strip_delete(Reader(check, known).read(Path(path).expanduser()))
    return settings


def format_config(settings: Mapping[str, Any]) -> str:
    """A Python file that gives these settings back, without bases; both engines read it."""
    body = "\n\n".join(
        f"{name} = {pformat(value, width=110, sort_dicts=False)}" for name, value in settings.items()
    )
    return f"{body}\n"


def plain(value: Any, place: str) -> Any:
    """A copy of `value` in dicts, lists, tuples and plain values; ValueError naming the place of others."""
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, PLAIN) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(
            f"{place} is {value!r}: a config holds numbers, texts, True, False, None, lists, tuples and dicts"
        )
    return value


def merge(child: Mapping[str, Any], base: Mapping[str, Any], place: str) -> dict[str, Any]:
    """`base` with the settings of `child` over it; ValueError where a dict would go into something else."""
    merged = dict(base)
    for key, value in child.items():
        if not isinstance(value, Mapping) or key not in base or value.get(DELETE, False):
            merged[key] = value
        elif isinstance(base[key], Mapping):
            merged[key] = merge(value, base[key], f"{place}.{key}")
        else:
            raise ValueError(
                f"{place}.{key} is a dict, but {base[key]!r} in the base: {DELETE}=True in it replaces that"
            )
    return merged


@dataclass(frozen=True)
class Reader:
    """Reads files with their bases."""

    check: Check
    known: Collection[str]

    def read(self, path: Path, chain: tuple[Path, ...] = ()) -> dict[str, Any]:
        """Settings of `path` over its bases; `chain` are the files that led here."""
        if not path.is_file():
            asked = f" (a base of {chain[-1]})" if chain else ""
            raise ValueError(f"there is no config file {path}{asked}")
        resolved = path.resolve()
        if resolved in chain:
            loop = " -> ".join(file.name for file in (*chain[chain.index(resolved) :], resolved))
            raise ValueError(f"{path} is its own base ({loop}): take one {BASE} out")
        own, bases = self.own(path)
        return merge(own, self.inherited(path, bases, (*chain, resolved)), str(path))

    def own(self, path: Path) -> tuple[dict[str, Any], list[str]]:
        """What the file itself sets, and its bases."""
        source = run_source(path)
        bases = source.names.get(BASE, [])
        if not isinstance(bases, (str, list, tuple)):
            raise ValueError(f"{path}: {BASE} is {bases!r}, not a path or a list of paths")
        settings = {
            name: plain(value, f"{path}: {name}")
            for name, value in source.names.items()
            if not source.is_helper(name) and (name in self.known or name not in source.read)
        }
        self.check(settings, str(path))
        return settings, [bases] if isinstance(bases, str) else list(bases)

    def inherited(self, path: Path, bases: list[str], chain: tuple[Path, ...]) -> dict[str, Any]:
        """The settings of all bases."""
        inherited: dict[str, Any] = {}
        for base in bases:
            settings = self.read(path.parent / base, chain)
            twice = sorted(settings.keys() & inherited.keys())
            if twice:
                raise ValueError(f"{path}: two of its bases set {', '.join(twice)}; only one may")
            inherited.update(settings)
        return inherited


def _strip_delete(value: Any) -> Any:
    """`value` without the `_delete_` marks, which have done their work."""
    if isinstance(value, Mapping):
        return {key: _strip_delete(item) for key, item in value.items() if key != DELETE}
    if isinstance(value, (list, tuple)):
        return type(value)(_strip_delete(item) for item in value)
    return value
