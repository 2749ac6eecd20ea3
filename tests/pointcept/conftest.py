"""`standin`: a few lines in Pointcept's place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

STANDIN = Path(__file__).parent / "standin"


def forget_pointcept() -> dict[str, ModuleType]:
    """Take Pointcept and the adapter out of the imported modules; returns what was taken."""
    packages = ("pointcept.", "ffnet3d.pointcept.")
    names = [name for name in sys.modules if f"{name}.".startswith(packages)]
    return {name: sys.modules.pop(name) for name in names}


@pytest.fixture
def fresh_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pointcept, whichever, is imported anew within the test, and forgotten after it."""
    before = forget_pointcept()
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    forget_pointcept()
    sys.modules.update(before)


@pytest.fixture
def standin(fresh_imports: None, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001
    """The folder that holds the stand-in, which `import pointcept` finds meanwhile."""
    monkeypatch.syspath_prepend(STANDIN)
    return STANDIN
