"""Progress as tqdm shows it; none by default."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

MakeBar = Callable[..., Any]
"""tqdm, or what takes its arguments total, desc and unit, and has its `update` and context."""


class NoBar:
    """Stands where no progress is shown."""

    def __init__(self, **settings: Any) -> None:
        """Takes what tqdm takes."""

    def update(self, count: int) -> None:
        """Say nothing."""

    def __enter__(self) -> NoBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing."""
