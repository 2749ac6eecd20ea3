"""The Typer application, to which each module of this package adds its commands."""

from __future__ import annotations

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="FFNet for 3D: segment indoor point clouds with a pure convolutional network.",
)
