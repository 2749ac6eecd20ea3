"""Which code made a result: a hash of the sources that a prediction depends on."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

PACKAGES = ("voxels", "ops", "models", "data", "engine")
DIGITS = 12


@functools.cache
def code_version() -> str:
    """The first 12 hexadecimal digits of the SHA-256 over the sources of `PACKAGES`, paths included."""
    return hash_sources(Path(__file__).parents[1], PACKAGES)


def hash_sources(root: Path, packages: tuple[str, ...]) -> str:
    """That hash of the `.py` files in these folders of `root`: any change of a byte or a name changes it."""
    digest = hashlib.sha256()
    for file in sorted(path for package in packages for path in (root / package).rglob("*.py")):
        source = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()}\0{len(source)}\0".encode())
        digest.update(source)
    return digest.hexdigest()[:DIGITS]
