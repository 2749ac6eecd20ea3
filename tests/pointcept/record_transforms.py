"""Record what Pointcept's transforms make of the cases, for tests without a checkout.

    POINTCEPT_ROOT=/path/to/Pointcept python -m tests.pointcept.record_transforms

Run it in the root of this repository, with a checkout of Pointcept 1.6 or newer.
"""

from __future__ import annotations

import os

import numpy as np

from .transforms_checkout import load
from .transforms_sources import RECORDED, Live, all_facts


def main() -> None:
    """Write `transforms.npz` beside this file."""
    if "POINTCEPT_ROOT" not in os.environ:
        raise SystemExit("set POINTCEPT_ROOT to a checkout of Pointcept")
    checkout = load(os.environ["POINTCEPT_ROOT"])
    if checkout.before_1_6:
        raise SystemExit("this checkout is older than Pointcept 1.6, whose transforms are the reference")
    facts = {name: _short(name, value) for name, value in all_facts(Live(checkout))}
    np.savez_compressed(RECORDED, **facts)


def _short(name: str, value: np.ndarray) -> np.ndarray:
    """Statistics in float32, which is exact enough for them."""
    return value.astype(np.float32) if "/spread/" in name else value


if __name__ == "__main__":
    main()
