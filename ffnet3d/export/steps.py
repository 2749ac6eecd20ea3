"""What an export is at: a line where the standard error is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def steps(name: str, total: int) -> Iterator[Callable[[str], None]]:
    """Gives a function to call with what begins now, as often as there are steps; `name` leads the line.

    There is no line where the standard error is no terminal or tqdm is not installed.
    """
    try:
        from tqdm import tqdm
    except ImportError:
        yield _say_nothing
        return
    shape = "{desc} (step {n} of {total}, {elapsed} so far)"
    disable = not sys.stderr.isatty()
    with tqdm(total=total, bar_format=shape, miniters=1, mininterval=0, leave=False, disable=disable) as bar:

        def begin(doing: str) -> None:
            bar.set_description_str(f"{name}: {doing}", refresh=False)
            bar.update()

        yield begin


def _say_nothing(doing: str) -> None:
    """In place of a line."""
