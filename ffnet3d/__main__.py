"""The `ffnet3d` command, also as `python -m ffnet3d`: checks that its own packages are installed."""

import sys

from ffnet3d.registry import require


def main() -> None:
    """Run the command line; one line and status 2 where the extra `cli` is missing."""
    try:
        require("typer", "cli")
    except ImportError as error:
        print(f"ffnet3d: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    from ffnet3d.cli import main as run

    run()


if __name__ == "__main__":
    main()
