"""`key.sub=value` words of the command line, put into a config."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from ffnet3d.engine.config_keys import VARIABLES
from ffnet3d.registry import nearest

WORDS = {"true": True, "false": False, "none": None}


def apply_overrides(settings: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """`settings` with each `key.sub=value` put in; `hooks.0.x` counts into lists.

    The last part of a key may be new, what it stands in may not. Raises ValueError naming the override.
    """
    changed = dict(settings)
    for word in overrides:
        key, equals, text = word.partition("=")
        if not equals or not all(key.split(".")):
            raise ValueError(f"{word!r} is not of the form key=value or key.sub=value")
        if key in VARIABLES:  # to change it now would have no effect
            raise ValueError(f"{word!r}: the file has used {key} already; override {VARIABLES[key]} instead")
        try:
            changed = _replaced(changed, key.split("."), parse_value(text))
        except ValueError as error:
            raise ValueError(f"{word!r}: {error}") from error
    return changed


def parse_value(text: str) -> Any:
    """A value as the command line spells it.

    Python's literals; true, false, none in any case; a,b or [a,b] as a list of these; else the text itself.
    """
    text = text.strip()
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        pass
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    bracketed = text.startswith("[") and text.endswith("]")
    inner = text[1:-1] if bracketed else text
    if any(bracket in inner for bracket in "[](){}"):
        raise ValueError(f"{text!r} is not a Python value: put texts inside brackets in quotes")
    if bracketed or "," in inner:
        return [parse_value(part) for part in inner.split(",")]
    return text


def _replaced(node: Any, path: list[str], value: Any) -> Any:
    """A copy of `node` with `value` where `path` leads."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(node, Mapping):
        if rest and key not in node:
            raise ValueError(f"there is no {key!r} here: {nearest(key, node)}")
        return {**node, key: _replaced(node.get(key), rest, value)}
    if isinstance(node, (list, tuple)):
        if not key.isdigit() or int(key) >= len(node):
            raise ValueError(f"{key!r} is not an index of a list of {len(node)}")
        items = list(node)
        items[int(key)] = _replaced(items[int(key)], rest, value)
        return type(node)(items)
    raise ValueError(f"{key!r} cannot stand inside {node!r}")
