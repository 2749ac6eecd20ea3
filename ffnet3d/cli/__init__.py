"""The `ffnet3d` command: one module for each group of commands.

A mistake of the user ends in one line on stderr (after the usage, where the words are no command) and exit
status 2.
"""

from __future__ import annotations

import logging
import sys

import typer

from ffnet3d.cli import (
    ablate,
    analyze,
    data,
    experiments,
    export,
    machine,
    prepare,
    robustness,
    runs,
    segment,
    submission,
    view,
    weights,
)
from ffnet3d.cli.app import app

__all__ = [
    "ablate",
    "analyze",
    "app",
    "data",
    "experiments",
    "export",
    "machine",
    "main",
    "prepare",
    "robustness",
    "runs",
    "segment",
    "submission",
    "view",
    "weights",
]

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it
GO_ON = (
    "train with -r true goes on from the last checkpoint; "
    "prepare, segment, test, robustness, ablate, sixfold and train --seeds go on when called again"
)


def main() -> None:
    """Run the command; a ValueError, a missing extra or an unreadable file ends in one line and status 2.

    The traceback goes to the run's log, for whoever wants to know more.
    """
    try:
        app()
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            typer.echo(f"ffnet3d: interrupted; {GO_ON}", err=True)
        raise
    except RuntimeError as error:
        # PyTorch's writer, broken off within a checkpoint, hides the interrupt behind its own error.
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        typer.echo("ffnet3d: interrupted while writing a checkpoint; the former one stands", err=True)
        sys.exit(INTERRUPTED)
    except (ValueError, ImportError, OSError) as error:
        logging.getLogger("ffnet3d").debug("The run ended with an error", exc_info=error)
        message = " ".join(str(error).split())
        typer.echo(f"ffnet3d: {message}", err=True)
        sys.exit(2)
