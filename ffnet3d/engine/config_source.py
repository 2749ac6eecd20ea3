"""Running one config file: the names that it defines, and which of them are its own helpers."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

# What configs import from Pointcept, and the same in this package, so that they load without Pointcept.
OWN = "ffnet3d.data.classes"
CONSTANTS: Mapping[str, Mapping[str, str]] = {
    "pointcept.datasets.preprocessing.scannet.meta_data.scannet200_constants": {
        "CLASS_LABELS_20": "SCANNET20",
        "CLASS_LABELS_200": "SCANNET200",
    }
}


@dataclass(frozen=True)
class Source:
    """A config file that has been run."""

    names: Mapping[str, Any]  # all that it defines or imports
    read: frozenset[str]  # names that the file itself reads

    def is_helper(self, name: str) -> bool:
        """Whether a name cannot be a setting, whatever it is called: the file needs it for itself."""
        value = self.names[name]
        return name.startswith("_") or name.isupper() or isinstance(value, ModuleType) or callable(value)


def run_source(path: Path) -> Source:
    """Run a config file; ValueError naming it and the line that cannot be run."""
    tree, code = parse(path)
    names: dict[str, Any] = {"__file__": str(path), "__name__": path.stem}
    try:
        exec(code, names)
    except Exception as error:
        line = failing_line(error, path)
        text = f"{path}, line {line}: {type(error).__name__}: {error}"
        raise ValueError(text + import_remedy(error, tree, line)) from error
    read = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return Source(names, frozenset(read))


def parse(path: Path) -> tuple[ast.Module, CodeType]:
    """A file's code, as a tree and compiled; ValueError naming the line that is no Python."""
    try:
        tree = OwnConstants().visit(ast.parse(path.read_bytes(), str(path)))
        return tree, compile(tree, str(path), "exec")
    except SyntaxError as error:
        raise ValueError(f"{path}, line {error.lineno or 1}: {error.msg}") from error
    except ValueError as error:
        raise ValueError(f"{path}, line 1: {error}") from error


class OwnConstants(ast.NodeTransformer):
    """Takes from this package what a file imports from Pointcept, as far as it is the same here."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        """One statement for each name, known ones from here."""
        return [ast.copy_location(self.single(node, name), node) for name in node.names]

    def single(self, node: ast.ImportFrom, name: ast.alias) -> ast.ImportFrom:
        """The import of one of the node's names."""
        own = CONSTANTS.get(node.module or "", {}).get(name.name)
        if own is None:
            return ast.ImportFrom(node.module, [name], node.level)
        alias = ast.copy_location(ast.alias(own, name.asname or name.name), name)
        return ast.ImportFrom(OWN, [alias], 0)


def failing_line(error: Exception, path: Path) -> int:
    """Line of the file that raised the error."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path) and frame.lineno]
    return lines[-1] if lines else 1


def import_remedy(error: Exception, tree: ast.AST, line: int) -> str:
    """What to do about an import from Pointcept that failed; empty for any other error."""
    if not isinstance(error, ImportError) or not in_pointcept(error.name):
        return ""
    asked = ", ".join(
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno == line
        for name in node.names
        if in_pointcept(node.module if isinstance(node, ast.ImportFrom) else name.name)
    )
    known = ", ".join(name for constants in CONSTANTS.values() for name in constants)
    return (
        f": of Pointcept's names this engine has {known}; write what {asked} stands for into the file, "
        "or put Pointcept on the path (PYTHONPATH)"
    )


def in_pointcept(module: str | None) -> bool:
    """Whether a module of that name is Pointcept's."""
    return (module or "").partition(".")[0] == "pointcept"
