"""Names to classes: the `type=` dictionaries of configs, and the imports of optional packages."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])


def nearest(name: str, known: Iterable[str]) -> str:
    """Hint for an error text: the known name most like `name`, or all of them."""
    known = sorted(known)
    match = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {match[0]!r}?" if match else f"known: {', '.join(known)}"


def require(module: str, extra: str) -> ModuleType:
    """Import an optional package, or raise ImportError naming the extra of ffnet3d that brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{module} is needed here: pip install 'ffnet3d[{extra}]' ({error})") from error


def from_home(package: str, homes: Mapping[str, Iterable[str]], name: str) -> Any:
    """The attribute `name` of a package whose names live in its modules: `homes`, module -> its names.

    For a package's `__getattr__`, so that modules are imported on first use. AttributeError for other names.
    """
    for home, names in homes.items():
        if name in names:
            return getattr(importlib.import_module(f"{package}.{home}"), name)
    raise AttributeError(f"module {package!r} has no attribute {name!r}")


class Registry:
    """Classes of one kind by the name that a config's `type=` gives them."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Callable[..., Any]] = {}

    def register(self, name: str | None = None) -> Callable[[T], T]:
        """Decorator: file a class under `name` (its own name by default)."""

        def add(entry: T) -> T:
            key = name or entry.__name__
            if key in self._entries:
                raise ValueError(f"{self.kind} {key!r} is registered twice")
            self._entries[key] = entry
            return entry

        return add

    def names(self) -> list[str]:
        """Registered names, sorted."""
        return sorted(self._entries)

    def get(self, name: str) -> Callable[..., Any]:
        """The entry of that name; ValueError with the nearest known name otherwise."""
        if name not in self._entries:
            raise ValueError(f"unknown {self.kind} type {name!r}: {nearest(name, self._entries)}")
        return self._entries[name]

    def check(self, config: Mapping[str, Any], supplied: Iterable[str] = ()) -> Callable[..., Any]:
        """The entry that `config` names, after checking its arguments against the signature.

        `supplied` are arguments that the caller will add. ValueError names the type or argument at fault.
        """
        if not isinstance(config, Mapping) or "type" not in config:
            raise ValueError(f"a {self.kind} needs a dict with a 'type', got {config!r}")
        entry = self.get(config["type"])
        parameters = inspect.signature(entry).parameters
        given = (set(config) | set(supplied)) - {"type"}
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        for key in sorted(given - set(parameters)):
            if not open_ended:
                raise ValueError(f"{config['type']} has no argument {key!r}: {nearest(key, parameters)}")
        for key, parameter in parameters.items():
            named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
            if named and parameter.default is parameter.empty and key not in given:
                raise ValueError(f"{config['type']} needs the argument {key!r}")
        return entry

    def build(self, config: Mapping[str, Any], **extra: Any) -> Any:
        """Instantiate the entry that `config` names with its other items and `extra` as arguments."""
        entry = self.check(config, supplied=extra)
        return entry(**{key: value for key, value in config.items() if key != "type"}, **extra)
