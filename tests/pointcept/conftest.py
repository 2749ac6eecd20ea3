"""`standin`: a few lines in Pointcept's place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

STANDIN = Path(__file__).parent / "standin"


def forget_pointcept() -> dict[str, object]:
    """Take Pointcept and the adapter out of the imported modules; returns what was taken."""
    packages = ("pointcept.", "ffnet3d.pointcept.")
    names = [name for name in sys.modules if f"{name}.".startswith(packages)]
    return {name: sys.modules.pop(name) for name in names}


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that holds the stand-in, which `import pointcept` finds meanwhile."""
    before = forget_pointcept()
    monkeypatch.syspath_prepend(STANDIN)
    yield STANDIN
    forget_pointcept()
    sys.modules.update(before)
