"""`python -m ffnet3d` is the `ffnet3d` command."""

from ffnet3d.cli import main

if __name__ == "__main__":
    main()
