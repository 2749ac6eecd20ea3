"""Seeds of a run: one number decides the weights' start and every random draw of every step."""

from __future__ import annotations

import secrets

import numpy as np
import torch


def draw_seed() -> int:
    """A fresh seed in [0, 2**31), for a run whose config leaves it open."""
    return secrets.randbits(31)


def seed_step(seed: int, rank: int, batch: int) -> None:
    """Seed torch's generators for one batch.

    The draws of a batch (DropPath, dropout) so depend on (seed, rank, batch) alone, and a resumed run repeats
    them without any generator state in its checkpoint.
    """
    state = np.random.SeedSequence((seed, rank, batch)).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(state) >> 1)
