"""ValueErrors of other processes: what was raised there, without the traceback in the text they come with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

MARK = "\nValueError: "


def original_message(report: str) -> str | None:
    """The message of the ValueError that a traceback text ends with; None where it ends otherwise."""
    _, mark, message = report.rpartition(MARK)
    return message.strip() if mark and "Traceback (" not in message else None


def unwrap_errors(batches: Iterable[T]) -> Iterator[T]:
    """`batches` of a DataLoader; a ValueError of its worker processes comes with its own text."""
    try:
        yield from batches
    except ValueError as error:
        message = original_message(str(error))
        if message is None:
            raise
        raise ValueError(message) from error
