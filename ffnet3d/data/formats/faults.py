"""Errors of other libraries, told as faults of the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def faults(file: Path, what: str) -> Iterator[None]:
    """Whatever a library raises, panics of its compiled part too, as a ValueError naming the file."""
    try:
        yield
    except BaseException as error:
        panic = type(error).__name__ == "PanicException"  # of Rust: no Exception
        if not (isinstance(error, Exception) or panic):
            raise
        if isinstance(error, ValueError) and str(file) in str(error):
            raise
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ValueError(f"{file}: {what}: {reason}") from error
