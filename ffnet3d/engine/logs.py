"""Logging of a run: a file in its folder, and the console."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

ROOT = "ffnet3d"
FORMAT = "[%(asctime)s %(levelname)s] %(message)s"


class ConsoleHandler(logging.Handler):
    """Lines on stderr, above a progress bar where one is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; tqdm clears its bar, writes the line, and draws the bar again."""
        try:
            tqdm = sys.modules.get("tqdm")  # not loaded: no bar is shown
            if tqdm is None:
                sys.stderr.write(self.format(record) + "\n")
            else:
                tqdm.tqdm.write(self.format(record), file=sys.stderr)
        except Exception:
            self.handleError(record)


def setup_logging(file: str | Path | None, is_main: bool = True) -> None:
    """Send the package's log to `file` (appended; None: no file) and to stderr.

    A process that is not the main one writes no file, and shows warnings only. The file also takes debug
    records, such as the traceback of an error. Called again, it replaces what it set up before.
    """
    logger = logging.getLogger(ROOT)
    close_logging()
    handlers: list[logging.Handler] = [ConsoleHandler(logging.INFO if is_main else logging.WARNING)]
    if file is not None and is_main:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter(FORMAT, datefmt="%Y-%m-%d %H:%M:%S"))
        handler.set_name(ROOT)
        logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


def close_logging() -> None:
    """Take away what setup_logging has set up, and close its file."""
    logger = logging.getLogger(ROOT)
    for handler in [handler for handler in logger.handlers if handler.get_name() == ROOT]:
        logger.removeHandler(handler)
        handler.close()
